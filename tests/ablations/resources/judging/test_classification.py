"""What a run means for some of its checks, from results made by hand: also those that no program brings about."""

import pytest

from ablations.resources.judging.classification import Finding, finding_of, is_worth_a_retry
from ablations.resources.judging.outcomes import Outcome
from sandbox.result import CheckResult, Result
from sandbox.result import Outcome as Ending

VISIBLE, HELD_OUT = range(1), range(1, 3)
HOLDS_NOT = "the assertion does not hold: its left side is 0"
GONE = "the program ended before it was judged"


def result(ending: Ending, *checks: tuple[int, Ending, str], detail: str = "") -> Result:
    found = tuple(CheckResult(place, outcome, words, "") for place, outcome, words in checks)
    return Result(outcome=ending, detail=detail, checks=found, files={}, backend="none", sandboxed=True)


def passed(place: int) -> tuple[int, Ending, str]:
    return (place, Ending.PASSED, "")


@pytest.mark.parametrize(
    ("run", "visible", "held_out"),
    [
        (result(Ending.PASSED, *map(passed, range(3))), Finding(Outcome.PASSED), Finding(Outcome.PASSED)),
        (
            result(Ending.FAILED, passed(0), (1, Ending.FAILED, HOLDS_NOT), passed(2)),
            Finding(Outcome.PASSED),
            Finding(Outcome.WRONG, 1, HOLDS_NOT),
        ),
        (
            result(Ending.FAILED, (0, Ending.FAILED, HOLDS_NOT), passed(1), passed(2)),
            Finding(Outcome.WRONG, 0, HOLDS_NOT),
            Finding(Outcome.PASSED),
        ),
        (  # it ended in a held-out check, and the run goes by the name of the visible one that failed before
            result(Ending.FAILED, (0, Ending.FAILED, HOLDS_NOT), detail=HOLDS_NOT),
            Finding(Outcome.WRONG, 0, HOLDS_NOT),
            Finding(Outcome.EXITED, 1, "the program ended before this check"),
        ),
        (
            result(Ending.NO_VERDICT, (0, Ending.NO_VERDICT, GONE), detail=GONE),
            Finding(Outcome.EXITED, 0, GONE),
            Finding(Outcome.EXITED, None, GONE),
        ),
        (  # killed in the middle of an answer
            result(Ending.KILLED, (0, Ending.NO_VERDICT, GONE), detail="by the signal SIGSEGV"),
            Finding(Outcome.KILLED, 0, "by the signal SIGSEGV"),
            Finding(Outcome.KILLED, None, "by the signal SIGSEGV"),
        ),
        (
            result(Ending.TIMED_OUT, passed(0), passed(1), detail="stopped"),
            Finding(Outcome.PASSED),
            Finding(Outcome.TIME, 2, "stopped"),
        ),
        (
            result(Ending.TIMED_OUT, detail="stopped"),
            Finding(Outcome.TIME, 0, "stopped"),
            Finding(Outcome.TIME, None, "stopped"),
        ),
        (
            result(Ending.NO_VERDICT, detail="the referee was killed"),
            Finding(Outcome.FORGED, 0, "the referee was killed"),
            Finding(Outcome.FORGED, None, "the referee was killed"),
        ),
        (
            result(Ending.INFRASTRUCTURE, detail="broken"),
            Finding(Outcome.INFRASTRUCTURE, 0, "broken"),
            Finding(Outcome.INFRASTRUCTURE, None, "broken"),
        ),
        (
            result(Ending.INFRASTRUCTURE, (0, Ending.INFRASTRUCTURE, "no Python"), detail="no Python"),
            Finding(Outcome.INFRASTRUCTURE, 0, "no Python"),
            Finding(Outcome.INFRASTRUCTURE, None, "no Python"),
        ),
        (
            result(Ending.OUT_OF_MEMORY, (0, Ending.OUT_OF_MEMORY, "MemoryError"), passed(1), passed(2)),
            Finding(Outcome.MEMORY, 0, "MemoryError"),
            Finding(Outcome.PASSED),
        ),
    ],
)
def test_each_kind_of_checks_has_its_own_finding(run: Result, visible: Finding, held_out: Finding) -> None:
    assert finding_of(run, VISIBLE) == visible
    assert finding_of(run, HELD_OUT) == held_out


def test_nothing_passes_of_which_nothing_is_said() -> None:
    found = finding_of(result(Ending.PASSED, passed(0)), HELD_OUT)
    assert found.outcome is Outcome.INFRASTRUCTURE


@pytest.mark.parametrize("ending", Ending)
def test_code_that_was_not_judged_did_not_pass(ending: Ending) -> None:
    assert finding_of(result(ending), HELD_OUT).outcome is not Outcome.PASSED


@pytest.mark.parametrize("ending", Ending)
def test_only_a_broken_sandbox_is_tried_again(ending: Ending) -> None:
    assert is_worth_a_retry(result(ending)) == (ending is Ending.INFRASTRUCTURE)
    assert not is_worth_a_retry(result(ending, (0, Ending.INFRASTRUCTURE, "no Python")))
