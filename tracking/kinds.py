"""The words of a ledger: what a line says with one of a few words is an enum here, and is read back as one.

The words of an LLM's call (`CallOutcome`, `AnswerMode`, `AnswerForm`) are the clients' own: `llm_clients.kinds`.
"""

from enum import StrEnum


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


class Ranking(StrEnum):
    """How the units of an isomorphic set are compared.

    `LOCAL` gives every group of the set the set's ratio. `JOINT` ranks the units of all its groups together by
    importance, so that one group may lose more than another (isomorphic pruning, arXiv:2407.04616).
    """

    LOCAL = "local"
    JOINT = "joint"


class Condition(StrEnum):
    """How a search is going, as the master sees it."""

    OPENING = "opening"
    CONVERGING = "converging"
    STALLED = "stalled"
    DIVERGING = "diverging"
    TRAPPED = "trapped in a local optimum"
    DUPLICATES = "repeating itself"
    NEARLY_SPENT = "budget nearly spent"


class Course(StrEnum):
    """What follows from a condition. The arm is told the first three; the session carries out the other two."""

    EXPLOIT = "exploit"
    EXPLORE = "explore"
    WIDEN = "widen"
    SWITCH_ARM = "switch_arm"
    STOP = "stop"


class DecisionKind(StrEnum):
    """What the session wrote down before it acted."""

    STOP = Course.STOP.value
    SWITCH_ARM = Course.SWITCH_ARM.value
    EXPLOIT = Course.EXPLOIT.value
    EXPLORE = Course.EXPLORE.value
    WIDEN = Course.WIDEN.value
    RETRIED = "retried"
    """A trial runs again: with half the batch where its memory ran out, or because its process died."""
    REPEATED = "turned_back_repeated"
    """A proposal became no trial, because an earlier trial was the same."""
    MISSED = "turned_back_missed"
    """A proposal became no trial, because its MACs missed the band; only without projection."""


STEERED = frozenset({DecisionKind.EXPLOIT, DecisionKind.EXPLORE, DecisionKind.WIDEN})
"""The decisions to change the course that an arm is told."""
TURNED_BACK = frozenset({DecisionKind.REPEATED, DecisionKind.MISSED})
"""The decisions that send a proposal back."""
