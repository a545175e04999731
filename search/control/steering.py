"""How the search is going, and what follows from it: pure functions of the results that may be read.

An assessment about the next trial reads no more than its proposer may (`History.readable`), so that it is the same
however the trials were scheduled, and again after a resume.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from search.space.budget import Budget
from search.space.history import TrialSpec, best_of
from search.space.results import TrialResult
from tracking.kinds import Condition, Course, TrialState

PATIENCE = 8
"""Results without a gain that make a search stalled; twice as many change the arm, four times as many end it."""
GAIN = 0.005
"""Holdout accuracy by which a trial must beat the best so far: less is within the noise of a short proxy."""
NEAR = 0.12
"""Mean difference in log keep ratio over the sets, up to which a strategy lies in the neighbourhood of another."""
TREND = 4
"""Results that make a trend."""
LOSS = 0.05
"""Holdout accuracy at the first rung by which the newest results must fall behind those before them."""
CLOSING = 0.1
"""Share of the trials that are left when the budget is nearly spent."""
REPEATS = 3
"""Proposals in a row that repeat earlier trials: more than chance."""

Ended = Sequence[tuple[TrialSpec, TrialResult]]


@dataclass(frozen=True, slots=True)
class Assessment:
    """How the search is going.

    Attributes:
        course: what follows.
        reason: the figures that it rests on.
    """

    condition: Condition
    course: Course
    reason: str


@dataclass(frozen=True, slots=True)
class View:
    """What an assessment reads.

    Attributes:
        ended: the results that the next proposal may read, by number.
        trial: number of the next trial, of `trials` in all.
        repeated: proposals in a row that repeated an earlier trial.
        can_switch: whether there is another arm to switch to.
    """

    ended: Ended
    budget: Budget
    trial: int
    trials: int
    repeated: int
    can_switch: bool


def assess(view: View) -> Assessment:
    """Return the first condition that holds, the most urgent first."""
    if view.repeated >= REPEATS:
        why = f"the last {view.repeated} proposals repeated earlier trials"
        return Assessment(Condition.DUPLICATES, Course.WIDEN, why)
    idle = since_gain(view.ended)
    if idle is None:
        return Assessment(Condition.OPENING, Course.EXPLOIT, "no trial has been completed that could be read")
    left = view.trials - view.trial
    if left <= max(1, math.floor(CLOSING * view.trials)):
        return Assessment(Condition.NEARLY_SPENT, Course.EXPLOIT, f"{left} of {view.trials} trials are left")
    if idle >= PATIENCE:
        return _stuck(view, idle)
    away = _moving_away(view)
    if away is not None:
        return Assessment(Condition.DIVERGING, Course.EXPLOIT, away)
    return Assessment(Condition.CONVERGING, Course.EXPLOIT, f"the last gain was {idle} results ago")


def since_gain(ended: Ended) -> int | None:
    """Count the results since one beat all before it by GAIN; None while none was completed."""
    best, at = None, None
    for place, (_, result) in enumerate(ended):
        if result.state is not TrialState.COMPLETED or result.accuracy is None:
            continue
        if best is None or result.accuracy >= best + GAIN:
            best, at = result.accuracy, place
    return None if at is None else len(ended) - 1 - at


def distance(first: TrialSpec, second: TrialSpec) -> float:
    """Return the mean difference of the log keep ratios of two strategies."""
    pairs = list(zip(first.proposal.strategy.ratios, second.proposal.strategy.ratios, strict=True))
    return sum(abs(math.log(a / b)) for a, b in pairs) / len(pairs)


def _stuck(view: View, idle: int) -> Assessment:
    best = best_of(tuple(view.ended))
    assert best is not None, "a gain is a completed trial"
    why = f"no gain of {GAIN:.1%} in {idle} results"
    if idle >= 4 * PATIENCE:
        return Assessment(Condition.STALLED, Course.STOP, why)
    if idle >= 2 * PATIENCE and view.can_switch:
        return Assessment(Condition.STALLED, Course.SWITCH_ARM, why)
    near = sum(distance(spec, best[0]) for spec, _ in view.ended[-PATIENCE:]) / PATIENCE
    if near < NEAR:
        why += f", and the last {PATIENCE} strategies lie {near:.2f} from trial {best[0].trial}"
        return Assessment(Condition.TRAPPED, Course.EXPLORE, why)
    return Assessment(Condition.STALLED, Course.WIDEN, why)


def _moving_away(view: View) -> str | None:
    """Describe how requests leave the budget or first rungs get worse, each over TREND results; None if none does."""
    target = view.budget.target_macs
    misses = [abs(spec.requested_macs / target - 1) for spec, _ in view.ended[-TREND:]]
    if len(misses) == TREND and sorted(set(misses)) == misses and not view.ended[-1][0].in_band:
        return f"the last {TREND} requests moved away from the target, to {misses[-1]:.0%} beside it"
    firsts = [result.accuracies[0] for _, result in view.ended if result.accuracies]
    if len(firsts) < 2 * TREND:
        return None
    before, now = sum(firsts[-2 * TREND : -TREND]) / TREND, sum(firsts[-TREND:]) / TREND
    if before - now < LOSS:
        return None
    return f"the last {TREND} trials began at {now:.1%} on average, the {TREND} before at {before:.1%}"
