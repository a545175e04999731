"""The judgement of one piece of code, as a value that can be written down and read again."""

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from ablations.resources.judging.outcomes import Outcome, Which


class Judgement(BaseModel):
    """How code did at the visible, or at the held-out, checks of a task.

    Texts are partly the code's own words: show them through the console only.

    Attributes:
        task_id: of the task.
        which: the checks that it is about.
        outcome: how it ended.
        failed_check: the first check that did not pass; None if all passed, or if none was reached.
        message: the reason in a sentence; empty if it passed.
        trace: of the exception that the code raised; empty if it raised none.
        signs: what in the code's text aims at its judge, whatever the outcome; empty of nearly all code.
        wall_s: seconds of the run by the clock. One run judges both kinds of checks: each judgement has its total.
        cpu_s: processor seconds of the run, those of the checks included.
        peak_memory_bytes: the most memory of the run.
        attempts: how often it was run; more than once only if the sandbox failed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task_id: str
    which: Which
    outcome: Outcome
    failed_check: str | None = None
    message: str = ""
    trace: str = ""
    signs: tuple[str, ...] = ()
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0
    attempts: int = 1

    @property
    def passed(self) -> bool | None:
        """Whether the code passed; None if that is not known, which is no failure of the code."""
        return None if self.outcome is Outcome.INFRASTRUCTURE else self.outcome is Outcome.PASSED


class Judgements(NamedTuple):
    """Both judgements of the same code, from one run in which the visible checks came first.

    Attributes:
        visible: may be told to the model.
        held_out: may not.
    """

    visible: Judgement
    held_out: Judgement

    @property
    def solved(self) -> bool | None:
        """Whether the code passed all checks, visible and held-out; None if that is not known."""
        found = (self.visible.passed, self.held_out.passed)
        if False in found:
            return False
        return None if None in found else True
