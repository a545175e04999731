"""A routing rule: which categories go to the smaller model; fitted on one half of the tasks, judged on the other.

A category goes to the smaller model if it solves there, in the half on which the rule is fitted, no fewer tasks than
the large one, but for a tolerance. What nothing is known of goes to the large model. The halves are drawn by a hash of
seed and task within each category, before anything is known of the outcomes.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from ablations.resources.arms.arm import Arm
from ablations.resources.arms.outcomes import Outcomes
from ablations.resources.arms.resource import Resource
from ablations.resources.statistics.interval import Interval
from ablations.resources.statistics.proportions import paired_difference, wilson
from ablations.resources.statistics.resampling import ratio


@dataclass(frozen=True, slots=True)
class CategoryFit:
    """A category in the half on which a rule is fitted.

    Attributes:
        category: Its name.
        tasks: How many of its tasks have a known outcome in both arms.
        difference: Share solved by the small arm minus that by the large one; None without tasks.
        goes_small: Whether the rule sends it to the small arm.
    """

    category: str
    tasks: int
    difference: Interval | None
    goes_small: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """A routing rule between two arms.

    Attributes:
        small: The arm of the smaller model.
        large: The arm of the large model.
        categories: What the fit says of each category.
    """

    small: Arm
    large: Arm
    categories: tuple[CategoryFit, ...]

    @property
    def to_small(self) -> frozenset[str]:
        """The categories that go to the small arm."""
        return frozenset(fit.category for fit in self.categories if fit.goes_small)


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule on tasks on which it was not fitted.

    Attributes:
        tasks: How many of them.
        sent: Share of the tasks that go to the small arm.
        solved: Share of tasks that are solved where they are sent.
        against_large: That minus the share that the large arm solves of all.
        against_small: That minus the share that the small arm solves of all.
        cost: What is used where tasks are sent, divided by what the large arm uses for all; None if it is missing.
    """

    tasks: int
    sent: Interval | None
    solved: Interval | None
    against_large: Interval | None
    against_small: Interval | None
    cost: Interval | None


def halves(outcomes: Outcomes, seed: int) -> tuple[Outcomes, Outcomes]:
    """Divide the tasks: one half to fit rules on, and one to judge them; each category as evenly as can be."""
    by_category: dict[str, list[int]] = {}
    for number, problem in enumerate(outcomes.problems):
        by_category.setdefault(problem.category, []).append(number)
    fitted: list[int] = []
    for category, numbers in by_category.items():
        drawn = sorted(numbers, key=lambda number: _hash(seed, outcomes.problems[number].id))
        odd = _hash(seed, category)[0] in "01234567"  # who gets the odd one
        fitted += drawn[: (len(drawn) + odd) // 2]
    fitted.sort()
    return outcomes.only(fitted), outcomes.without(fitted)


def fitted(outcomes: Outcomes, small: Arm, large: Arm, tolerance: float) -> Rule:
    """Fit a rule.

    Args:
        outcomes: Of the tasks to fit on.
        small: The arm of the smaller model.
        large: The arm of the large one.
        tolerance: By how much the share that the small arm solves of a category may be below that of the large one.
    """
    categories = dict.fromkeys(problem.category for problem in outcomes.problems)
    return Rule(small, large, tuple(_fit(outcomes, small, large, tolerance, category) for category in categories))


def _fit(outcomes: Outcomes, small: Arm, large: Arm, tolerance: float, category: str) -> CategoryFit:
    tasks = _of(outcomes, category, outcomes.known(small, large))
    difference = paired_difference(outcomes.solved(small, tasks), outcomes.solved(large, tasks))
    # The differences are multiples of 1/n, and the tolerance is a decimal: compared as numbers of tasks.
    lost = sum(outcomes.solved(large, tasks)) - sum(outcomes.solved(small, tasks))
    return CategoryFit(category, len(tasks), difference, bool(tasks) and lost <= tolerance * len(tasks) + 1e-9)


def judged(rule: Rule, outcomes: Outcomes, cost: Resource) -> Judged:
    """Judge a rule on other tasks than those on which it was fitted."""
    tasks = outcomes.known(rule.small, rule.large)
    sent = [outcomes.problems[number].category in rule.to_small for number in tasks]
    small, large = (outcomes.solved(arm, tasks) for arm in (rule.small, rule.large))
    routed = [
        of_small if to_small else of_large for of_small, of_large, to_small in zip(small, large, sent, strict=True)
    ]
    return Judged(
        len(tasks),
        wilson(sum(sent), len(tasks)),
        wilson(sum(routed), len(tasks)),
        paired_difference(routed, large),
        paired_difference(routed, small),
        _cost(rule, outcomes, cost, tasks, sent),
    )


def _cost(
    rule: Rule, outcomes: Outcomes, cost: Resource, tasks: Sequence[int], sent: Sequence[bool]
) -> Interval | None:
    small, large = (outcomes.used(arm, cost, tasks) for arm in (rule.small, rule.large))
    if small is None or large is None:
        return None
    routed = [
        of_small if to_small else of_large for of_small, of_large, to_small in zip(small, large, sent, strict=True)
    ]
    return ratio(routed, large)


def _of(outcomes: Outcomes, category: str, tasks: Sequence[int]) -> list[int]:
    return [number for number in tasks if outcomes.problems[number].category == category]


def _hash(seed: int, text: str) -> str:
    return hashlib.sha256(f"{seed}:{text}".encode()).hexdigest()
