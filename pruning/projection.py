"""The nearest allocation on budget: never over the target, as close below it as single units allow.

Two stages. The proposal is scaled as a whole, by bisection, to the largest allocation that is not over the
target. What is then left of the budget is spent by moving groups a step or two: MACs are exact and cost
microseconds, so all moves of one group, of two, and if need be of three groups are tried at once and the best
is taken, until nothing improves or the residual no longer matters. Where a climb ends too low, because one
group's step is worth more than the residual (a transformer's embedding), it starts again from the best of some
thousand nearby points.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from pruning.blueprint import Allocation, Plan
from pruning.errors import AllocationError, InfeasibleTargetError

REACH = 2  # steps that a group may end away from the scaled proposal
_CLOSE_ENOUGH = 1e-4  # of the target: below this a closer fit is not worth a search
_WORTH_TRIPLES = 2e-3  # of the target: moves of three groups are many, and needed in tiny networks only
_WORTH_SAMPLES = 1e-3  # of the target
_MOST_TRIPLES = 300_000
_SAMPLES = 4096
_SHARES_MOVED = (0.1, 0.3, 0.6, 1.0)

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
    with _one_thread().limit(limits=1):
        scaled = _scaled(plan, ladder, np.array(requested), target_macs)
        final = ladder.counts(_Search(plan, ladder, scaled, target_macs).best())
    return Projection(final, plan.macs(final), requested, plan.macs(requested), ladder.counts(scaled))


@lru_cache(maxsize=1)
def _one_thread() -> ThreadpoolController:
    """numpy's BLAS on one thread: these products take a millisecond, and on a machine that is busy with trials its
    threads would wait for each other a hundred times as long."""
    return ThreadpoolController().select(internal_api="openblas")


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
    for _ in range(64):
        scale = (low + high) / 2
        rungs = ladder.nearest(requested * scale)
        if plan.macs(ladder.counts_of(rungs)) <= target:  # type: ignore[arg-type]
            low = scale
        else:
            high = scale
    return ladder.nearest(requested * low)


class _Search:
    """Repairs a scaled proposal by exact costs, inside the box of `REACH` steps around it."""

    def __init__(self, plan: Plan, ladder: _Ladder, scaled: Vector, target: int) -> None:
        self._plan, self._ladder, self._target = plan, ladder, target
        self._scaled = scaled
        self._lowest = np.maximum(scaled - REACH, ladder.bottom)
        self._highest = np.minimum(scaled + REACH, ladder.top)

    def best(self) -> Vector:
        """The best allocation found: by climbing from the scaled proposal, and if that ends too low, from the best
        of many points of the box, those first that move few groups."""
        best, macs = self._climbed(self._scaled)
        for share in _SHARES_MOVED:
            if self._target - macs <= _WORTH_SAMPLES * self._target:
                break
            points = self._sampled(share)
            prices = self._macs(points)
            prices[prices > self._target] = -1
            if prices.max() >= 0:
                other, other_macs = self._climbed(points[int(prices.argmax())])
                best, macs = (other, other_macs) if other_macs > macs else (best, macs)
        return best

    def _sampled(self, share: float) -> Vector:
        """Points of the box in which about `share` of the groups moved. The same ones every time."""
        generator = np.random.default_rng(0)
        shape = (_SAMPLES, len(self._scaled))
        steps = generator.integers(-REACH, REACH, size=shape, endpoint=True)
        moved = generator.random(shape) < share
        return np.clip(self._scaled + steps * moved, self._lowest, self._highest)

    def _macs(self, rungs: Vector) -> Vector:
        return self._plan.macs_many(self._ladder.counts_of(rungs))

    def _climbed(self, current: Vector) -> tuple[Vector, int]:
        """Up by the best move until none helps: of one group while that works, then of two, then of three."""
        macs = int(self._macs(current[None])[0])
        for order in _orders(len(current)):
            worth = _WORTH_TRIPLES if order == 3 else _CLOSE_ENOUGH
            while self._target - macs > worth * self._target:
                better = self._best_move(current, macs, order)
                if better is None:
                    break
                current, macs = better
        return current, macs

    def _best_move(self, current: Vector, macs: int, order: int) -> tuple[Vector, int] | None:
        """The move that ends highest without passing the target, if that is higher than where we are."""
        candidates = current + _moves(len(current), order)
        candidates = candidates[((candidates >= self._lowest) & (candidates <= self._highest)).all(axis=1)]
        if not len(candidates):
            return None
        prices = self._macs(candidates)
        prices[prices > self._target] = -1
        best = int(prices.argmax())
        return (candidates[best], int(prices[best])) if prices[best] > macs else None


def _orders(groups: int) -> tuple[int, ...]:
    triples = groups * (groups - 1) * (groups - 2) // 6 * 8
    return tuple(order for order in ((1, 2, 3) if triples <= _MOST_TRIPLES else (1, 2)) if order <= groups)


@lru_cache(maxsize=16)
def _moves(groups: int, order: int) -> Vector:
    """All moves of `order` groups by one step each: `[moves, groups]` of −1, 0 and +1."""
    chosen = np.array(list(combinations(range(groups), order)), dtype=np.intp)
    signs = np.array(list(product((1, -1), repeat=order)))
    deltas = np.zeros((len(chosen), len(signs), groups), dtype=np.int64)
    for i, sign in enumerate(signs):
        np.put_along_axis(deltas[:, i], chosen, sign[None, :], axis=1)
    return deltas.reshape(-1, groups)
