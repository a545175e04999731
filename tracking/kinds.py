"""The words of a ledger: the kinds of event, and how a trial, a run and an evaluation are told apart."""

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
