"""Operations on MLflow, as values: `translation` decides on them, `mlflow_writer` executes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MADE_WITH = "espalier.made_with"
"""The tag with the software and hardware of a run or a study."""
RUN = "run"
FINETUNE = "finetune"


def trial_part(trial: int) -> str:
    """Return the name of a trial as a part of its run."""
    return f"trial:{trial}"


def finalist_part(trial: int) -> str:
    """Return the name of a finalist's fine-tune as a part of its run."""
    return f"finalist:{trial}"


def condition_part(number: int) -> str:
    """Return the name of a condition as a part of its study."""
    return f"condition:{number}"


class Status(StrEnum):
    """MLflow's own names for the final status of a run."""

    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one metric.

    Attributes:
        step: The x-axis of the metric in MLflow.
        time_ms: Milliseconds since the Unix epoch.
    """

    key: str
    value: float
    step: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class Begin:
    """Ensure that a part has an MLflow run with the status running."""

    part: str
    name: str
    time_ms: int
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Log:
    """Add metrics, parameters and tags to the MLflow run of a part."""

    part: str
    points: tuple[Point, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finish:
    """Close the MLflow run of a part."""

    part: str
    status: Status
    time_ms: int


@dataclass(frozen=True, slots=True)
class Attach:
    """Store a JSON document as an artifact of the run, for what is too long for a parameter."""

    path: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Name what a part was made with, as a dataset in the store itself.

    Attributes:
        name: Of the dataset.
        digest: Of its content.
        source_type: MLflow's name for the kind of source.
        source: Where it is from, as MLflow's class for this kind reads it.
        profile: What is known of it; can be queried in the database.
        schema: What an item of it looks like, as MLflow writes it; none if empty.
        part: The part that was made with it.
        context: What the part used it for.
    """

    name: str
    digest: str
    source_type: str
    source: Mapping[str, Any]
    profile: Mapping[str, Any]
    schema: Mapping[str, Any] = field(default_factory=dict)
    part: str = RUN
    context: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """One step of a trace.

    Attributes:
        kind: MLflow's type of the span.
        start_ns: Nanoseconds since the Unix epoch.
        end_ns: Nanoseconds since the Unix epoch.
        error: Why it failed; None if it did not.
        tokens: `input_tokens` and `output_tokens`; None if unknown, or recorded at another span.
        cost_usd: US dollars; None if unknown, or recorded at another span.
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
class Assessment:
    """What is to be thought of an answer, found by comparison and never by a model.

    Attributes:
        key: Its name, unique within its trace.
        name: What is assessed; several of a trace may share it.
        value: The verdict.
        rationale: Why, in a sentence.
    """

    key: str
    name: str
    value: bool
    rationale: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked again and again, with the names of what changes from call to call in double braces.

    Attributes:
        name: MLflow counts the versions of each name.
        messages: `role` and `content`.
    """

    name: str
    messages: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """A call with its steps.

    Attributes:
        key: Its name, unique within its run.
        spans: The first span is the call, the others are its children.
        prompt: What it asks; None if that is not known.
    """

    key: str
    spans: tuple[Span, ...]
    tags: Mapping[str, str] = field(default_factory=dict)
    assessments: tuple[Assessment, ...] = ()
    prompt: Prompt | None = None

    @property
    def ended_ms(self) -> int:
        """The end of the call, in milliseconds since the Unix epoch."""
        return self.spans[0].end_ns // 10**6


Operation = Begin | Log | Finish | Attach | Dataset | Trace
