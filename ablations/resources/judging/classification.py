"""What a run in the sandbox means for the code: which kind of failure, at which check, in which words."""

from typing import NamedTuple

from ablations.resources.judging.outcomes import Outcome
from sandbox.result import CheckResult, Result
from sandbox.result import Outcome as Ending

_STOPPED = {
    Ending.TIMED_OUT: Outcome.TIME,
    Ending.OUT_OF_MEMORY: Outcome.MEMORY,
    Ending.OUT_OF_DISK: Outcome.DISK,
    Ending.TOO_MANY_PROCESSES: Outcome.PROCESSES,
    Ending.OUTPUT_TOO_LARGE: Outcome.OUTPUT,
    Ending.KILLED: Outcome.KILLED,
    Ending.INFRASTRUCTURE: Outcome.INFRASTRUCTURE,
}
_LOADING = -1

# Words of the sandbox. What the code itself says comes with a trace, or cannot begin like this.
_DOES_NOT_HOLD = "the assertion does not hold"
_HAS_NO_VALUE = ("cannot be compared", "cannot be hashed")
_ENDED = "the program ended "
_TOO_LARGE = "a message of "

_NO_PYTHON = ("SyntaxError", "IndentationError", "TabError", "ValueError: source code string cannot contain null bytes")
_NO_SUCH_MODULE = ("ModuleNotFoundError", "ImportError")


class Finding(NamedTuple):
    """What a run means for some of its checks.

    Attributes:
        outcome: how the code did at them.
        failed: place, among all checks of the run, of the first that did not pass; None if all passed, or if the run
            ended before these checks.
        message: the reason in a sentence; empty if all passed.
        trace: of the code's exception; empty if there was none.
    """

    outcome: Outcome
    failed: int | None = None
    message: str = ""
    trace: str = ""


def finding_of(result: Result, checks: range) -> Finding:
    """Say how code did at some of the checks of its run.

    What came after these checks does not matter: code that passed them passed, even if it was ended at a later one.

    Args:
        result: of the run.
        checks: places of the checks, which follow one another.
    """
    seen = {found.check: found for found in result.checks}
    if _LOADING in seen:
        return _of_check(result, seen[_LOADING])
    for place in range(checks.stop):
        found = seen.get(place)
        if found is None:
            return _of_end(result, place if place in checks else None)
        if place in checks and found.outcome is not Ending.PASSED:
            return _of_check(result, found)
        if found.outcome in (Ending.NO_VERDICT, Ending.INFRASTRUCTURE):  # the run ended before it came to these checks
            return _of_check(result, found)._replace(failed=None)
    return Finding(Outcome.PASSED)


def is_worth_a_retry(result: Result) -> bool:
    """Whether the sandbox itself failed, so that another run may succeed. An unsuitable check fails each time."""
    return result.outcome is Ending.INFRASTRUCTURE and all(
        found.outcome is not Ending.INFRASTRUCTURE for found in result.checks
    )


def _of_check(result: Result, found: CheckResult) -> Finding:
    """What a check that did not pass means, or that the code was not loaded."""
    if found.outcome is Ending.NO_VERDICT and result.outcome in _STOPPED:
        return _of_end(result, _reached(found))  # the check was not answered, because the supervisor had ended the code
    if found.outcome is Ending.NO_VERDICT:
        outcome = _without_verdict(found.detail)
    elif found.outcome is Ending.FAILED:
        outcome = _of_failure(found)
    else:
        outcome = _STOPPED[found.outcome]
    return Finding(outcome, _reached(found), found.detail, found.trace)


def _of_failure(found: CheckResult) -> Outcome:
    if found.detail.startswith(_ENDED):
        return Outcome.EXITED
    if found.check == _LOADING and found.detail.startswith(_NO_PYTHON):
        return Outcome.SYNTAX
    if found.trace:
        return Outcome.ERROR
    if found.check == _LOADING and found.detail.startswith(_NO_SUCH_MODULE):
        return Outcome.INFRASTRUCTURE  # the set-up of the checks asks for it, not the code
    if found.detail.startswith(_DOES_NOT_HOLD) or found.detail.endswith(_HAS_NO_VALUE):
        return Outcome.WRONG
    return Outcome.ERROR


def _of_end(result: Result, place: int | None) -> Finding:
    """What it means that a check was not reached, or not answered."""
    if result.outcome is Ending.PASSED:
        return Finding(Outcome.INFRASTRUCTURE, place, "the sandbox says nothing of a check, although the run passed")
    if result.outcome is Ending.NO_VERDICT:
        return Finding(_without_verdict(result.detail), place, result.detail, result.trace)
    if result.outcome is Ending.FAILED:  # at an earlier check, of which this is the word
        return Finding(Outcome.EXITED, place, "the program ended before this check")
    return Finding(_STOPPED[result.outcome], place, result.detail, result.trace)


def _without_verdict(detail: str) -> Outcome:
    """Code ended its own process, returned more than can be read, or answered its judge what no function returns."""
    if detail.startswith(_ENDED):
        return Outcome.EXITED
    return Outcome.OUTPUT if detail.startswith(_TOO_LARGE) else Outcome.FORGED


def _reached(found: CheckResult) -> int | None:
    return None if found.check == _LOADING else found.check
