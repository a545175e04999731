"""What is to be done in MLflow, as values: the translation decides, the writer carries out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

RUN = "run"
FINETUNE = "finetune"


def trial_part(trial: int) -> str:
    """The part of a run that one trial is."""
    return f"trial:{trial}"


class Status(StrEnum):
    """MLflow's own words for how a run stands when it is over."""

    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one metric. ``time_ms``: since the epoch."""

    key: str
    value: float
    step: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class Begin:
    """Make sure that the part has its MLflow run, and that it shows as running."""

    part: str
    name: str
    time_ms: int
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Log:
    """Add to a part's MLflow run."""

    part: str
    points: tuple[Point, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finish:
    """Close a part's MLflow run."""

    part: str
    status: Status
    time_ms: int


@dataclass(frozen=True, slots=True)
class Attach:
    """Keep a JSON document with the run: what is too long for a parameter."""

    path: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """One step of a trace.

    Attributes:
        kind: MLflow's word for what it is.
        start_ns, end_ns: nanoseconds since the epoch.
        error: why it failed; None when it did not.
        tokens: `input_tokens` and `output_tokens`; ``cost_usd``: US dollars. None: not known, or told elsewhere.
    """

    name: str
    kind: str
    start_ns: int
    end_ns: int
    inputs: Any = None
    outputs: Any = None
    error: str | None = None
    model: str | None = None
    tokens: Mapping[str, int] | None = None
    cost_usd: float | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """A call with its steps: the first span is the call, the others lie below it. ``key`` names it in its run."""

    key: str
    spans: tuple[Span, ...]
    tags: Mapping[str, str] = field(default_factory=dict)


Operation = Begin | Log | Finish | Attach | Trace
