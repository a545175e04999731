"""What each arm uses of each resource: for a task, for a task that it solves, and for a token that it writes."""

from dataclasses import dataclass

from ablations.resources.arms.arm import Arm
from ablations.resources.arms.outcomes import Outcomes
from ablations.resources.arms.resource import Resource
from ablations.resources.statistics.interval import Interval
from ablations.resources.statistics.resampling import mean, ratio


@dataclass(frozen=True, slots=True)
class Usage:
    """What an arm uses of a resource.

    Attributes:
        arm: Which.
        resource: Of what.
        tasks: How many tasks.
        per_task: Mean over tasks.
        per_solved: For a solved task, all attempts at others included; None of memory, and if nothing is solved.
        per_token: For a token that is written; None of memory, of tokens themselves, and where nobody counted them.
    """

    arm: Arm
    resource: Resource
    tasks: int
    per_task: Interval | None
    per_solved: Interval | None
    per_token: Interval | None


def usages(outcomes: Outcomes) -> tuple[Usage, ...]:
    """Return what each arm uses of each resource that was measured in all of its attempts."""
    found = (_usage(outcomes, arm, resource) for resource in Resource for arm in outcomes.arms)
    return tuple(one for one in found if one is not None)


def _usage(outcomes: Outcomes, arm: Arm, resource: Resource) -> Usage | None:
    tasks = outcomes.known(arm)
    used, written = outcomes.used(arm, resource, tasks), outcomes.used(arm, Resource.OUTPUT, tasks)
    if used is None:
        return None
    counts = resource.adds_up and written is not None and resource not in (Resource.TOKENS, Resource.OUTPUT)
    return Usage(
        arm,
        resource,
        len(tasks),
        mean(used),
        ratio(used, [float(one) for one in outcomes.solved(arm, tasks)]) if resource.adds_up else None,
        ratio(used, written) if counts and written is not None else None,
    )
