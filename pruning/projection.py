"""The nearest allocation on budget: never over the target, as close below it as single units allow.

Two stages. The proposal is scaled as a whole, by bisection, to the largest allocation that is not over the
target. What is then left of the budget is spent by moving groups a step or two: MACs are exact and cost
microseconds, so all moves of one group, of two, and if need be of three groups are tried at once and the best
is taken, until nothing improves or the residual no longer matters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pruning.blueprint import Allocation, Plan
from pruning.errors import AllocationError, InfeasibleTargetError

REACH = 2  # steps that a group may end away from the scaled proposal
_CLOSE_ENOUGH = 1e-4  # of the target: below this a closer fit is not worth a search
_TRIPLES_FROM = 2e-3  # of the target: moves of three groups are many, and needed in tiny networks only
_MOST_TRIPLES = 300_000

Vector = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Projection:
    """A proposal and what it became.

    Attributes:
        allocation: at most `target_macs`, and at most two steps per group from `scaled`.
        requested: the proposal before rounding and scaling.
        scaled: the proposal scaled as a whole to just under the target.
    """

    allocation: Allocation
    macs: int
    requested: Allocation
    requested_macs: int
    scaled: Allocation


def project(plan: Plan, allocation: Sequence[int], target_macs: int, *, round_to: int = 1) -> Projection:
    """Bring a proposal to `target_macs`. Every count is a multiple of `round_to` or the whole group.

    Raises:
        InfeasibleTargetError: the target is under what the smallest allocation costs, or not under the baseline.
        AllocationError: the proposal does not fit the plan, or `round_to` is not positive.
    """
    requested = plan.check(allocation)
    if round_to < 1:
        raise AllocationError(f"cannot round to multiples of {round_to}; 1, 2, 4, 8 or 16 would work")
    floor_macs = plan.floor_macs(round_to)
    if not floor_macs <= target_macs < plan.baseline_macs:
        raise InfeasibleTargetError(target_macs, floor_macs, plan.baseline_macs)
    ladder = _Ladder(plan, round_to)
    scaled = _scaled(plan, ladder, np.array(requested), target_macs)
    repaired = _repaired(plan, ladder, scaled, target_macs)
    final = ladder.counts(repaired)
    return Projection(final, plan.macs(final), requested, plan.macs(requested), ladder.counts(scaled))


class _Ladder:
    """Allowed counts as rungs: rung r of a group is r steps, and its top rung is the whole group."""

    def __init__(self, plan: Plan, round_to: int) -> None:
        self.units = np.array(plan.full())
        self.steps = np.array(plan.steps(round_to))
        self.top = -(-self.units // self.steps)
        self.bottom = np.ones_like(self.top)

    def counts_of(self, rungs: Vector) -> Vector:
        """Rungs `[…, groups]` as counts of units."""
        return np.minimum(rungs * self.steps, self.units)

    def counts(self, rungs: Vector) -> Allocation:
        return tuple(self.counts_of(rungs).tolist())

    def nearest(self, counts: NDArray[np.floating[Any]]) -> Vector:
        """The rung nearest to each count, halves going up; near the top of a group whose last step is short,
        whichever of the two is nearer."""
        down = np.floor(counts / self.steps)
        gap = np.minimum((down + 1) * self.steps, self.units) - down * self.steps
        rungs = down + ((counts - down * self.steps) * 2 >= gap)
        return np.clip(rungs, self.bottom, self.top).astype(np.int64)


def _scaled(plan: Plan, ladder: _Ladder, requested: Vector, target: int) -> Vector:
    """The largest `scale · requested` on the ladder that costs no more than the target. Costs rise with the
    scale, so 64 halvings find the last float before the target is passed."""
    low, high = 0.0, float((ladder.units / requested).max()) * 2
    best = ladder.bottom
    for _ in range(64):
        scale = (low + high) / 2
        rungs = ladder.nearest(requested * scale)
        if plan.macs(ladder.counts_of(rungs)) <= target:  # type: ignore[arg-type]
            low, best = scale, rungs
        else:
            high = scale
    return best


def _repaired(plan: Plan, ladder: _Ladder, scaled: Vector, target: int) -> Vector:
    """Climb by the best move until none helps: one group at a time while that works, then two, then three."""
    lowest = np.maximum(scaled - REACH, ladder.bottom)
    highest = np.minimum(scaled + REACH, ladder.top)
    current, macs = scaled, plan.macs(ladder.counts(scaled))
    for moves in _move_families(len(scaled)):
        worth = _TRIPLES_FROM if moves.order == 3 else _CLOSE_ENOUGH
        while target - macs > worth * target:
            better = _best_move(plan, ladder, moves.deltas(), (current, lowest, highest), (macs, target))
            if better is None:
                break
            current, macs = better
    return current


@dataclass(frozen=True, slots=True)
class _Moves:
    """All ways to move `order` groups by one step each."""

    groups: int
    order: int

    def deltas(self) -> Vector:
        """Moves `[moves, groups]` of −1, 0 and +1."""
        chosen = np.array(list(combinations(range(self.groups), self.order)), dtype=np.intp)
        signs = np.array(np.meshgrid(*[[1, -1]] * self.order)).reshape(self.order, -1).T
        deltas = np.zeros((len(chosen), len(signs), self.groups), dtype=np.int64)
        for s, sign in enumerate(signs):
            np.put_along_axis(deltas[:, s], chosen, sign[None, :], axis=1)
        return deltas.reshape(-1, self.groups)


def _move_families(groups: int) -> list[_Moves]:
    triples = groups * (groups - 1) * (groups - 2) // 6 * 8
    orders = (1, 2, 3) if triples <= _MOST_TRIPLES else (1, 2)
    return [_Moves(groups, order) for order in orders if order <= groups]


def _best_move(
    plan: Plan, ladder: _Ladder, deltas: Vector, place: tuple[Vector, Vector, Vector], cost: tuple[int, int]
) -> tuple[Vector, int] | None:
    """The move that ends highest without passing the target, if it is higher than where we are."""
    current, lowest, highest = place
    macs, target = cost
    candidates = current + deltas
    candidates = candidates[((candidates >= lowest) & (candidates <= highest)).all(axis=1)]
    if not len(candidates):
        return None
    prices = plan.macs_many(ladder.counts_of(candidates))
    prices[prices > target] = -1
    best = int(prices.argmax())
    return (candidates[best], int(prices[best])) if prices[best] > macs else None
