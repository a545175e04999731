"""What a model is told about code of its own that failed: of the visible checks, and of nothing else."""

from ablations.resources.judging.judgement import Judgement
from ablations.resources.judging.outcomes import Outcome, Which

_LONGEST_CHECK, _LONGEST_TRACE = 1_000, 1_500
_WORDS = {
    Outcome.WRONG: "It returned the wrong result.",
    Outcome.ERROR: "It raised an exception.",
    Outcome.SYNTAX: "It is not valid Python.",
    Outcome.TIME: "It took too long.",
    Outcome.MEMORY: "It used too much memory.",
    Outcome.DISK: "It wrote too much to files.",
    Outcome.PROCESSES: "It started too many processes or threads.",
    Outcome.OUTPUT: "It printed or returned too much.",
    Outcome.EXITED: "It ended the Python process instead of returning a result.",
    Outcome.KILLED: "It crashed the Python process.",
    Outcome.FORGED: "It does not solve the task.",
}


class HeldOutError(ValueError):
    """A model was to be told about held-out checks: they decide only as long as no model knows them."""


def feedback(judgement: Judgement) -> str:
    """What to tell a model about its code; empty if it passed, or if nothing is known about it.

    Args:
        judgement: by the visible checks.

    Raises:
        HeldOutError: it is by the held-out ones.
    """
    if judgement.which is not Which.VISIBLE:
        raise HeldOutError(f"no model may be told how its code did at the {judgement.which.value} checks")
    if judgement.passed is not False:
        return ""
    lines = [_WORDS[judgement.outcome]]
    if judgement.failed_check is not None:
        lines.append(f"The test that failed:\n{_start(judgement.failed_check)}")
    if judgement.outcome is not Outcome.FORGED:
        lines.append(f"What happened: {judgement.message}")
        if judgement.trace:
            lines.append(f"Traceback (the end of it):\n{judgement.trace[-_LONGEST_TRACE:].strip()}")
    return "\n".join(lines)


def _start(check: str) -> str:
    return check if len(check) <= _LONGEST_CHECK else f"{check[:_LONGEST_CHECK]}…"
