"""What can be written in a ledger: the kinds of event, and the envelope each travels in."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracking.payloads import Payload


class EventKind(StrEnum):
    """Everything that happens in a run, in the order in which it first may happen."""

    RUN_STARTED = "run_started"
    BASE_READY = "base_ready"
    PLAN_READY = "plan_ready"
    PROFILED = "profiled"
    PROPOSED = "proposed"
    LLM_CALL = "llm_call"
    DECISION = "decision"
    TRIAL_STARTED = "trial_started"
    RUNG = "rung"
    TRIAL_ENDED = "trial_ended"
    WINNER = "winner"
    FINETUNE_STARTED = "finetune_started"
    FINETUNE_EPOCH = "finetune_epoch"
    FINETUNE_ENDED = "finetune_ended"
    EVALUATED = "evaluated"
    EXPORTED = "exported"
    INTERRUPTED = "interrupted"
    RESUMED = "resumed"
    EXTENDED = "extended"
    RUN_ENDED = "run_ended"


class TrialState(StrEnum):
    """How a trial ended."""

    COMPLETED = "completed"
    STOPPED_EARLY = "stopped_early"
    FAILED = "failed"


class RunStatus(StrEnum):
    """How a run ended."""

    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


class Subject(StrEnum):
    """Which model was evaluated."""

    BASE = "base"
    WINNER = "winner"


class SplitName(StrEnum):
    """On which data a model was evaluated."""

    TEST = "test"
    HOLDOUT = "holdout"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a ledger.

    Attributes:
        seq: its place in the ledger, from 1: the number of its line.
        time: when it was written, UTC, to the microsecond.
        payload: what happened; its class says the kind.
    """

    seq: int
    time: datetime
    payload: "Payload"

    @property
    def kind(self) -> EventKind:
        return self.payload.kind


def utc_now() -> datetime:
    """The clock of every ledger."""
    return datetime.now(UTC)


def time_text(moment: datetime) -> str:
    """ISO 8601 in UTC, always with six decimals, so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """The inverse of :func:`time_text`; raises ValueError for a time without a zone."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError(f"the time {text!r} has no zone")
    return parsed
