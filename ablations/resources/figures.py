"""The figures of an arm: the share of tasks that it solves, and what it uses for a task on average."""

import math
from collections.abc import Mapping, Sequence

from ablations.floor.figure import Direction, Figure
from ablations.resources.arms.arm import Arm
from ablations.resources.arms.outcomes import Outcomes
from ablations.resources.arms.resource import Resource
from ablations.resources.questions.accuracy import solved_share

_TIMED = frozenset(
    {Resource.SECONDS, Resource.CPU, Resource.CPU_ENERGY, Resource.GPU_ENERGY, Resource.MEMORY, Resource.GPU_MEMORY}
)


class NothingKnownError(ValueError):
    """No task has a known outcome in an arm."""


def _share(key: str, title: str) -> Figure:
    return Figure(key=key, title=title, better=Direction.HIGHER, unit="%", scale=100.0, digits=1)


FIGURES: tuple[Figure, ...] = (
    _share("solved", "Solved"),
    _share("solved_low", "Solved, 95 % from"),
    _share("solved_high", "Solved, 95 % to"),
    _share("answered", "Passed visible checks"),
    Figure(key="tasks", title="Tasks", better=None, digits=0),
    *(
        Figure(
            key=resource.value,
            title=f"{resource.column.title} per task",
            better=Direction.LOWER,
            unit=resource.column.unit,
            scale=resource.column.scale,
            digits=resource.column.digits or 0,
            timed=resource in _TIMED,
        )
        for resource in Resource
    ),
)


def figures_of(outcomes: Outcomes, arm: Arm) -> Mapping[str, float]:
    """Return the figures of an arm over the tasks whose outcome is known, without resources that were not measured.

    Raises:
        NothingKnownError: There is no such task.
    """
    tasks, share = outcomes.known(arm), solved_share(outcomes, arm)
    if share is None or share.low is None or share.high is None:
        raise NothingKnownError("no task has a known outcome: every call or judgement of it is missing")
    ends = [end for number in tasks if (end := outcomes.of(arm)[number]) is not None]
    used = {resource: outcomes.used(arm, resource, tasks) for resource in Resource}
    return {
        "solved": share.value,
        "solved_low": share.low,
        "solved_high": share.high,
        "answered": sum(end.answered for end in ends) / len(ends),
        "tasks": float(len(tasks)),
        **{resource.value: math.fsum(one) / len(one) for resource, one in used.items() if one is not None},
    }


def series_of(outcomes: Outcomes, arm: Arm) -> Mapping[str, Sequence[float | None]]:
    """Return what is known of each task in an arm, in their order; None where it is missing."""
    ends = outcomes.of(arm)
    used = {resource.value: [None if end is None else end.used.get(resource) for end in ends] for resource in Resource}
    return {
        "solved": [None if end is None or end.solved is None else float(end.solved) for end in ends],
        "level": [None if end is None else float(end.level) for end in ends],
        **{name: values for name, values in used.items() if any(value is not None for value in values)},
    }
