"""How many tasks the arms solve, and how they compare on the same tasks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ablations.floor.questions import Verdict
from ablations.floor.statistics import SIGNIFICANCE, holm
from ablations.resources.arms.arm import Arm, Way
from ablations.resources.arms.outcomes import Outcomes
from ablations.resources.statistics.interval import Interval
from ablations.resources.statistics.pass_at_k import pass_at_k
from ablations.resources.statistics.proportions import mcnemar, mean_share, paired_difference, wilson


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two arms on the tasks whose outcome is known in both.

    Attributes:
        second: The arm that is asked about.
        first: The arm that it is compared with.
        tasks: How many tasks.
        difference: Share solved by the second minus that by the first.
        p: Of McNemar's exact test, by Holm's method for all comparisons; None without tasks.
    """

    second: Arm
    first: Arm
    tasks: int
    difference: Interval | None
    p: float | None

    @property
    def verdict(self) -> Verdict:
        """Conclusive only if the adjusted p-value is below 5 %."""
        if self.p is None or self.difference is None or self.p >= SIGNIFICANCE:
            return Verdict.INCONCLUSIVE
        return Verdict.BETTER if self.difference.value > 0 else Verdict.WORSE


def solved_share(outcomes: Outcomes, arm: Arm) -> Interval | None:
    """Return the share of tasks that an arm solves, with Wilson's interval, over the tasks whose outcome is known."""
    solved = outcomes.solved(arm, outcomes.known(arm))
    return wilson(sum(solved), len(solved))


def pass_at(outcomes: Outcomes, model: str, k: int) -> Interval | None:
    """Return pass@k of a model: the mean of the unbiased estimates over tasks, with its interval.

    A task with a missing sample is left out. None if there are fewer than k samples.
    """
    tallies = [tally for tally in outcomes.tallies.get(model, ()) if tally is not None]
    if not tallies or min(tally.count for tally in tallies) < k:
        return None
    return mean_share([pass_at_k(tally.count, tally.right, k) for tally in tallies])


def comparisons(outcomes: Outcomes, large: str) -> tuple[Comparison, ...]:
    """Compare every smaller model's branching with the large model, and with its own independent samples.

    Args:
        outcomes: Of all arms.
        large: The name of the large model.
    """
    raw = tuple(_compared(outcomes, second, first) for second, first in pairs(outcomes.arms, large))
    adjusted = holm([one.p for one in raw])
    return tuple(replace(one, p=p) for one, p in zip(raw, adjusted, strict=True))


def pairs(arms: Sequence[Arm], large: str) -> tuple[tuple[Arm, Arm], ...]:
    """Return which arms are compared, second and first, decided by the arms alone."""
    of_large = [arm for arm in arms if arm.model == large and arm.way is not Way.BRANCHING]
    found = []
    for model in dict.fromkeys(arm.model for arm in arms if arm.model != large):
        own = [arm for arm in arms if arm.model == model]
        asked = next((arm for arm in own if arm.way is Way.BRANCHING), own[-1])
        found += [(asked, first) for first in (*of_large, *(arm for arm in own if arm is not asked))]
    return tuple(found)


def _compared(outcomes: Outcomes, second: Arm, first: Arm) -> Comparison:
    tasks = outcomes.known(second, first)
    sides = outcomes.solved(second, tasks), outcomes.solved(first, tasks)
    p = mcnemar(*sides) if tasks else None
    return Comparison(second, first, len(tasks), paired_difference(*sides), p)
