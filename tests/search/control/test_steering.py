"""The master's eye, over histories made by hand."""

from collections.abc import Sequence

import pytest

from search.control.steering import GAIN, PATIENCE, Assessment, Ended, View, assess, since_gain
from search.space.budget import Budget
from search.space.history import TrialSpec
from search.space.results import TrialResult
from search.space.strategy import Proposal
from tests.search import support
from tracking.kinds import Condition, Course, TrialState

TARGET = 1000


def trial(
    number: int,
    accuracy: float,
    *,
    ratio: float = 0.3,
    first: float | None = None,
    requested: int = TARGET,
    state: TrialState = TrialState.COMPLETED,
) -> tuple[TrialSpec, TrialResult]:
    proposal = Proposal(support.strategy(ratio), "test", "because")
    spec = TrialSpec(number, proposal, (1,), TARGET, 10, requested, in_band=requested == TARGET)
    scores = (accuracy,) if first is None else (first, accuracy)
    return spec, TrialResult(number, state, () if state is TrialState.FAILED else scores)


def flat(count: int, *, ratios: Sequence[float] = (0.1, 0.3, 0.6)) -> list[tuple[TrialSpec, TrialResult]]:
    """One good trial and then `count` that gain nothing."""
    later = [trial(n, 0.5, ratio=ratios[n % len(ratios)]) for n in range(1, count + 1)]
    return [trial(0, 0.5), *later]


def assessed(ended: Ended, *, trials: int = 100, repeated: int = 0, can_switch: bool = False) -> Assessment:
    return assess(View(ended, Budget(TARGET), len(ended) + 2, trials, repeated, can_switch))


def test_nothing_is_said_before_a_trial_was_completed() -> None:
    assert assessed([]).condition is Condition.OPENING
    assert assessed([trial(0, 0.0, state=TrialState.FAILED)]).condition is Condition.OPENING
    assert assessed([trial(0, 0.9, state=TrialState.STOPPED_EARLY)]).condition is Condition.OPENING


def test_gains_are_convergence() -> None:
    ended = [trial(n, 0.3 + 0.02 * n) for n in range(12)]
    found = assessed(ended)
    assert (found.condition, found.course) == (Condition.CONVERGING, Course.EXPLOIT)
    assert since_gain(ended) == 0


def test_less_than_the_noise_is_no_gain() -> None:
    assert since_gain([trial(0, 0.5), trial(1, 0.5 + 0.9 * GAIN), trial(2, 0.4)]) == 2
    assert since_gain([trial(0, 0.5), trial(1, 0.5 + 1.1 * GAIN), trial(2, 0.4)]) == 1


@pytest.mark.parametrize("idle", [PATIENCE - 1, PATIENCE])
def test_patience_is_counted_in_results(idle: int) -> None:
    expected = Condition.STALLED if idle >= PATIENCE else Condition.CONVERGING
    assert assessed(flat(idle)).condition is expected


def test_a_stalled_search_widens_then_changes_the_arm_then_ends() -> None:
    assert assessed(flat(PATIENCE), can_switch=True).course is Course.WIDEN
    assert assessed(flat(2 * PATIENCE), can_switch=True).course is Course.SWITCH_ARM
    assert assessed(flat(2 * PATIENCE)).course is Course.WIDEN, "there is no other arm"
    assert assessed(flat(4 * PATIENCE)).course is Course.STOP


def test_a_search_that_stays_near_its_best_is_trapped() -> None:
    found = assessed(flat(PATIENCE, ratios=(0.3, 0.31, 0.29)))
    assert (found.condition, found.course) == (Condition.TRAPPED, Course.EXPLORE)
    assert "trial 0" in found.reason


def test_worse_beginnings_are_divergence() -> None:
    ended = [trial(n, 0.6 if n == 0 else 0.5, first=0.4 if n < 4 else 0.3) for n in range(7)]
    assert assessed(ended).condition is Condition.CONVERGING, "three are no trend"
    found = assessed([*ended, trial(7, 0.5, first=0.3)])
    assert (found.condition, found.course) == (Condition.DIVERGING, Course.EXPLOIT)
    assert "30.0%" in found.reason


def test_requests_that_leave_the_budget_are_divergence() -> None:
    away = [trial(n, 0.5, requested=TARGET + 100 * n) for n in range(5)]
    assert assessed(away).condition is Condition.DIVERGING
    back = [trial(n, 0.5, requested=TARGET + 100 * (5 - n)) for n in range(5)]
    assert assessed(back).condition is Condition.CONVERGING


def test_repetitions_come_first_and_the_end_of_the_budget_before_a_stall() -> None:
    assert assessed(flat(3 * PATIENCE), repeated=3).condition is Condition.DUPLICATES
    found = assessed(flat(PATIENCE), trials=PATIENCE + 4)
    assert (found.condition, found.course) == (Condition.NEARLY_SPENT, Course.EXPLOIT)
