"""The enums of a ledger: every field with a fixed set of values is written from one and read back as one.

The enums of an LLM call (`CallOutcome`, `AnswerMode`, `AnswerForm`) belong to the clients: `llm_clients.kinds`.
"""

from enum import StrEnum


class EventKind(StrEnum):
    """The kinds of events, in the order in which each may first occur in a run, and those of a study after them."""

    RUN_STARTED = "run_started"
    BASE_READY = "base_ready"
    PLAN_READY = "plan_ready"
    PROFILED = "profiled"
    PROPOSED = "proposed"
    LLM_ASKED = "llm_asked"
    LLM_CALL = "llm_call"
    DECISION = "decision"
    TRIAL_STARTED = "trial_started"
    RUNG = "rung"
    TRIAL_ENDED = "trial_ended"
    FINALISTS = "finalists"
    FINALIST_EPOCH = "finalist_epoch"
    FINALIST_ENDED = "finalist_ended"
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
    STUDY_STARTED = "study_started"
    STUDY_EXTENDED = "study_extended"
    PREPARED = "prepared"
    CONDITION_BEGUN = "condition_begun"
    CONDITION_MEASURED = "condition_measured"
    CONDITION_FAILED = "condition_failed"
    STUDY_ENDED = "study_ended"


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
    """On which split of the data a model was evaluated."""

    TEST = "test"
    HOLDOUT = "holdout"


class Ranking(StrEnum):
    """How the units of an isomorphic set are compared.

    `LOCAL` applies the keep ratio of the set to each of its groups. `JOINT` ranks the units of all its groups together
    by importance, so that one group may lose more units than another (isomorphic pruning, arXiv:2407.04616).
    """

    LOCAL = "local"
    JOINT = "joint"


class Condition(StrEnum):
    """The state of a search as the master assesses it."""

    OPENING = "opening"
    CONVERGING = "converging"
    STALLED = "stalled"
    DIVERGING = "diverging"
    TRAPPED = "trapped in a local optimum"
    DUPLICATES = "repeating itself"
    NEARLY_SPENT = "budget nearly spent"


class Course(StrEnum):
    """How to continue under a condition.

    The arm receives the first three as instructions. The session carries out the other two.
    """

    EXPLOIT = "exploit"
    EXPLORE = "explore"
    WIDEN = "widen"
    SWITCH_ARM = "switch_arm"
    STOP = "stop"


class DecisionKind(StrEnum):
    """The decisions that the session records before it acts on them."""

    STOP = Course.STOP.value
    SWITCH_ARM = Course.SWITCH_ARM.value
    EXPLOIT = Course.EXPLOIT.value
    EXPLORE = Course.EXPLORE.value
    WIDEN = Course.WIDEN.value
    RETRIED = "retried"
    """A trial runs again: with half the batch size after it ran out of memory, or because its process died."""
    REPEATED = "turned_back_repeated"
    """A proposal was turned back because it repeats an earlier trial."""
    MISSED = "turned_back_missed"
    """A proposal was turned back because its MACs missed the band. Occurs only without projection."""


STEERED = frozenset({DecisionKind.EXPLOIT, DecisionKind.EXPLORE, DecisionKind.WIDEN})
"""The decisions that change the course given to the arm."""
TURNED_BACK = frozenset({DecisionKind.REPEATED, DecisionKind.MISSED})
"""The decisions that turn a proposal back, so that it becomes no trial."""
