"""How much less a smaller model uses than the large one: of each resource, for a task and for a task that it solves."""

from dataclasses import dataclass

from ablations.resources.arms.arm import Arm, Way
from ablations.resources.arms.outcomes import Outcomes
from ablations.resources.arms.resource import Resource
from ablations.resources.statistics.interval import Interval
from ablations.resources.statistics.resampling import interval, ratio


@dataclass(frozen=True, slots=True)
class Efficiency:
    """What the large model uses once, divided by what an arm of a smaller one uses: above 1 the smaller uses less.

    Attributes:
        resource: Of what.
        arm: Of the smaller model.
        tasks: How many tasks.
        per_task: Ratio of what is used for a task.
        per_solved: Ratio of what is used for a solved task; None of memory, which no task uses up, and where one of
            both solves nothing.
    """

    resource: Resource
    arm: Arm
    tasks: int
    per_task: Interval | None
    per_solved: Interval | None


def efficiencies(outcomes: Outcomes, large: str) -> tuple[Efficiency, ...]:
    """Return the ratios of every resource that was measured of both and used, for each arm of each smaller model."""
    once = outcomes.arm(large, Way.ONCE)
    assert once is not None, "every model is asked once"
    others = [arm for arm in outcomes.arms if arm.model != large]
    found = (_efficiency(outcomes, once, arm, resource) for resource in Resource for arm in others)
    return tuple(one for one in found if one is not None and one.per_task is not None)


def _efficiency(outcomes: Outcomes, once: Arm, arm: Arm, resource: Resource) -> Efficiency | None:
    tasks = outcomes.known(once, arm)
    large, small = outcomes.used(once, resource, tasks), outcomes.used(arm, resource, tasks)
    if large is None or small is None:
        return None
    solved = [[float(one) for one in outcomes.solved(side, tasks)] for side in (once, arm)]
    per_solved = interval(lambda a, b, c, d: (a / b) / (c / d), large, solved[0], small, solved[1])
    return Efficiency(resource, arm, len(tasks), ratio(large, small), per_solved if resource.adds_up else None)
