"""Greedy knapsack: remove the units with the least loss of importance per MAC saved, until the budget is met."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import product

import numpy as np
from numpy.typing import NDArray

from pruning.plan import Allocation, Plan
from search.arms import ArmName
from search.proposers.listed import ListedProposer
from search.space.search_space import SearchSpace
from search.space.strategy import Proposal, Strategy, clip_ratios

EXPONENTS = (1.0, 1.4, 0.7, 2.0, 0.5)
"""Powers of the loss: above 1 importance has more weight than MACs, below 1 less."""
_TINY = 1e-30

Vector = NDArray[np.float64]


class Worth(StrEnum):
    """The value of a group to the network when it keeps some of its units.

    Let C be the sum of the kept units' scores, C₀ that of all units of the group, and L the number of layers that its
    units run through. A residual stream's units run through many, and each of those loses when a unit is cut.

    * `SHARE`: L · C / C₀.
    * `ROOT`: L · √(C / C₀).
    * `REMAINING`: L · log(C / C₀). A unit counts by what its group still has, so that no group is emptied.
    * `SCORE`: C itself, for criteria whose scores mean the same in every layer, such as Taylor's. With others it
      empties layers.

    The first three do not depend on the magnitude of a group's scores.

    Measured on the quarter-width ResNet at 15 % of its MACs and the procedural set, with one seed, holdout accuracy
    after the proxy (uniform: 0.35 by l2, 0.50 by Taylor): by l2 0.65, 0.62, 0.36 and 0.08 in the order above, and
    without L at most 0.21; by Taylor 0.62 to 0.64, but 0.69 by `SCORE`.
    """

    SHARE = "its share of its group in each of its layers"
    ROOT = "the root of that share"
    REMAINING = "its share of what its group still has"
    SCORE = "its score as it is"


class KnapsackProposer(ListedProposer):
    """Resource-aware greedy pruning as in HALP (arXiv:2110.10811) and similar methods, with exact costs.

    Each round removes the step of least important units that has the lowest loss^p / MACs saved among all groups. The
    plan's polynomial then computes the savings of all groups anew, because a unit's cost depends on what its neighbours
    still keep. Trials differ in the criterion, in the value of a group (`Worth`) and in the power p.
    """

    name = ArmName.KNAPSACK.value

    def count(self) -> int:
        """One proposal for each power, worth and criterion."""
        return len(EXPONENTS) * len(Worth) * len(self.space.criteria)

    def nth(self, index: int) -> Proposal:
        """The powers in turn, each with all worths, each with all criteria."""
        exponent, worth, criterion = list(product(EXPONENTS, Worth, self.space.criteria))[index]
        allocation = greedy(self.space, criterion, worth, exponent)
        strategy = Strategy(shares_by_set(self.space.plan, allocation), criterion, self.space.round_to)
        power = "" if exponent == 1 else f" to the power {exponent:g}"
        why = f"least loss of {criterion} per MAC, a unit counted by {worth.value}{power}"
        return Proposal(strategy, self.name, why, allocation)


def greedy(space: SearchSpace, criterion: str, worth: Worth, exponent: float = 1.0) -> Allocation:
    """The allocation that remains when the target is met.

    From the whole model, the step with the least loss^exponent per MAC is removed again and again.
    """
    curves = [
        _curve(np.sort(score.double().numpy())[::-1], worth, exponent, len(group.layers), step, floor)
        for score, group, step, floor in zip(
            space.scores[criterion],
            space.plan.groups,
            space.plan.steps(space.round_to),
            space.plan.floor(space.round_to),
            strict=True,
        )
    ]
    return _lightened(space.plan, curves, space.budget.target_macs)


@dataclass(frozen=True, slots=True)
class _Curve:
    """The steps by which one group shrinks.

    Attributes:
        counts: units that it may keep, from all down to the floor.
        losses: the loss of each step, infinite where no step is left.
    """

    counts: NDArray[np.int64]
    losses: Vector


def _curve(ranked: Vector, worth: Worth, exponent: float, layers: int, step: int, floor: int) -> _Curve:
    """The curve of a group, from its scores in descending order."""
    units = len(ranked)
    counts = np.unique([units, *range(floor, units, step)])[::-1]
    kept = np.maximum(np.cumsum(ranked)[counts - 1], _TINY)
    total = max(float(ranked.sum()), _TINY)
    match worth:
        case Worth.SHARE:
            value = layers * kept / total
        case Worth.ROOT:
            value = layers * np.sqrt(kept / total)
        case Worth.SCORE:
            value = kept
        case Worth.REMAINING:
            value = layers * np.log(kept / total)
    losses = np.append(np.maximum(value[:-1] - value[1:], 0.0) ** exponent, np.inf)
    return _Curve(counts, losses)


def _lightened(plan: Plan, curves: list[_Curve], target_macs: int) -> Allocation:
    """Remove steps until at or under the target. Each round computes the cost of every group's next step at once."""
    groups = np.arange(len(curves))
    place = np.zeros(len(curves), dtype=np.int64)
    kept = np.array([curve.counts[0] for curve in curves])
    following = np.array([curve.counts[min(1, len(curve.counts) - 1)] for curve in curves])
    losses = np.array([curve.losses[0] for curve in curves])
    points = np.empty((len(curves) + 1, len(curves)), dtype=np.int64)
    while True:
        points[:] = kept
        points[groups, groups] = following
        prices = plan.macs_many(points)
        if prices[-1] <= target_macs:
            return tuple(int(count) for count in kept)
        saved = prices[-1] - prices[:-1]
        chosen = int(np.argmin(np.where(saved > 0, losses / np.maximum(saved, 1), np.inf)))
        curve = curves[chosen]
        place[chosen] += 1
        kept[chosen] = following[chosen]
        following[chosen] = curve.counts[min(place[chosen] + 1, len(curve.counts) - 1)]
        losses[chosen] = curve.losses[place[chosen]]


def shares_by_set(plan: Plan, allocation: Allocation) -> tuple[float, ...]:
    """The average share that the groups of each isomorphic set keep."""
    return clip_ratios(
        [sum(allocation[group] for group in alike.groups) / (alike.units * len(alike.groups)) for alike in plan.sets]
    )
