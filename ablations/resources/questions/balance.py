"""The balance of cost and quality: which arms are on the Pareto front, and at which prices the smaller model pays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ablations.resources.arms.arm import Arm, Way
from ablations.resources.arms.outcomes import Outcomes
from ablations.resources.arms.resource import Resource
from ablations.resources.questions.accuracy import solved_share
from ablations.resources.statistics.interval import Interval
from ablations.resources.statistics.resampling import Numbers, interval, mean, ratio, resampled

COSTS = (
    *(Resource.USD, Resource.GPU_ENERGY, Resource.CPU_ENERGY, Resource.CPU),
    *(Resource.SECONDS, Resource.TOKENS, Resource.CALLS),
)
"""What may stand for cost, first what says most."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An arm between cost and quality.

    Attributes:
        arm: Which.
        tasks: How many tasks have a known outcome in it.
        solved: Share of tasks.
        per_task: Mean cost of a task; None if the cost was not measured of it.
        per_solved: Cost of a solved task; None also if it solves nothing.
        on_front: Whether no other arm solves as many at no more cost, and one of both better; None without costs.
        front_share: In which share of the resamples it is on the front.
    """

    arm: Arm
    tasks: int
    solved: Interval | None
    per_task: Interval | None
    per_solved: Interval | None
    on_front: bool | None
    front_share: float | None


@dataclass(frozen=True, slots=True)
class BreakEven:
    """At which price of the large model an arm of a smaller one costs as much for a solved task.

    Attributes:
        arm: Of the smaller model.
        unit: What has a price: a call, a token.
        at: The price of the large model's unit divided by the smaller one's at which both cost the same for a solved
            task. Above it the smaller one costs less. None if one of both solves nothing.
        now: That ratio of prices as measured by the study's cost; None if that is missing.
    """

    arm: Arm
    unit: Resource
    at: Interval | None
    now: Interval | None


def cost_of(outcomes: Outcomes, asked: Resource | None = None) -> Resource:
    """Return the resource that stands for cost: the one asked for, else the first that every arm has above 0."""
    if asked is not None:
        return asked
    return next((resource for resource in COSTS if _is_known(outcomes, resource)), Resource.CALLS)


def _is_known(outcomes: Outcomes, resource: Resource) -> bool:
    used = (outcomes.used(arm, resource, outcomes.known(arm)) for arm in outcomes.arms)
    return all(of_arm is not None and sum(of_arm) > 0 for of_arm in used)


def standings(outcomes: Outcomes, cost: Resource) -> tuple[Standing, ...]:
    """Return where each arm stands; the front is that of the tasks whose outcome is known in all arms."""
    fronts = _fronts(outcomes, cost)
    return tuple(_standing(outcomes, arm, cost, fronts) for arm in outcomes.arms)


def _standing(outcomes: Outcomes, arm: Arm, cost: Resource, fronts: dict[str, tuple[bool, float]]) -> Standing:
    tasks = outcomes.known(arm)
    used = outcomes.used(arm, cost, tasks)
    on_front, share = fronts.get(arm.name, (None, None))
    return Standing(
        arm,
        len(tasks),
        solved_share(outcomes, arm),
        None if used is None else mean(used),
        None if used is None else ratio(used, [float(one) for one in outcomes.solved(arm, tasks)]),
        on_front,
        share,
    )


def _fronts(outcomes: Outcomes, cost: Resource) -> dict[str, tuple[bool, float]]:
    """Return of each arm whether it is on the front, and in which share of the resamples."""
    tasks = outcomes.known(*outcomes.arms)
    costs = [outcomes.used(arm, cost, tasks) for arm in outcomes.arms]
    if not tasks or any(one is None for one in costs):
        return {}
    solved = np.array([outcomes.solved(arm, tasks) for arm in outcomes.arms], dtype=np.float64)
    spent = np.array(costs, dtype=np.float64)
    once = np.ones((1, len(tasks)))
    here = _on_front(once @ solved.T, once @ spent.T)[0]
    weights = resampled(len(tasks))
    share = _on_front(weights @ solved.T, weights @ spent.T).mean(axis=0)
    return {arm.name: (bool(here[at]), float(share[at])) for at, arm in enumerate(outcomes.arms)}


def _on_front(solved: Numbers, spent: Numbers) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Return which arms no other dominates, row by row."""
    as_good = (solved[:, :, None] <= solved[:, None, :]) & (spent[:, :, None] >= spent[:, None, :])
    better = (solved[:, :, None] < solved[:, None, :]) | (spent[:, :, None] > spent[:, None, :])
    return np.asarray(~(as_good & better).any(axis=2))


def break_evens(outcomes: Outcomes, large: str, cost: Resource) -> tuple[BreakEven, ...]:
    """Return the break-even prices of every arm of a smaller model against the large model asked once."""
    once = outcomes.arm(large, Way.ONCE)
    assert once is not None, "every model is asked once"
    others = [arm for arm in outcomes.arms if arm.model != large]
    found = (_break_even(outcomes, once, arm, unit, cost) for arm in others for unit in _UNITS)
    return tuple(one for one in found if one is not None)


_UNITS = (Resource.CALLS, Resource.TOKENS)


def _break_even(outcomes: Outcomes, once: Arm, arm: Arm, unit: Resource, cost: Resource) -> BreakEven | None:
    tasks = outcomes.known(once, arm)
    large, small = (outcomes.used(side, unit, tasks) for side in (once, arm))
    if large is None or small is None:
        return None
    solved = [[float(one) for one in outcomes.solved(side, tasks)] for side in (once, arm)]
    at = interval(lambda a, b, c, d: (c / d) / (a / b), large, solved[0], small, solved[1])
    return BreakEven(arm, unit, at, _now(outcomes, (once, arm), (large, small), tasks, cost))


def _now(
    outcomes: Outcomes, sides: tuple[Arm, Arm], units: tuple[list[float], list[float]], tasks: Sequence[int],
    cost: Resource,
) -> Interval | None:  # fmt: skip
    if cost in _UNITS:
        return None
    large, small = (outcomes.used(side, cost, tasks) for side in sides)
    if large is None or small is None:
        return None
    return interval(lambda a, b, c, d: (a / b) / (c / d), large, units[0], small, units[1])
