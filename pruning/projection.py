"""Project a proposal onto a budget: never over the target, and as close below it as single units allow.

There are two stages. First the proposal is scaled as a whole, by bisection, to the largest allocation that is not over
the target. Then the rest of the budget is spent by a local search that moves groups by a step or two. Exact MACs cost
microseconds, so all moves of one group, of two and, if needed, of three groups are evaluated at once and the best is
taken, until nothing improves or the residual no longer matters. Where this climb ends too low because one group's step
is larger than the residual (a transformer's embedding), it restarts from the best of some thousand nearby points.

If the residual is still more than `MOST_UNSPENT`, a few coarse groups (an encoder's heads) determined the scale, and
two steps of the fine groups cost too little to compensate. Then the coarsest groups are tried at all their rungs, and
for each combination the proposal's counts of the other groups are scaled again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from pruning.errors import AllocationError, InfeasibleTargetError
from pruning.plan import Allocation, Plan

REACH = 2  # steps that a group may end away from the scaled proposal, unless that leaves more than MOST_UNSPENT
MOST_UNSPENT = 5e-3  # of the target
_CLOSE_ENOUGH = 1e-4  # of the target: a smaller residual is not worth a search
_WORTH_TRIPLES = 2e-3  # of the target: there are many moves of three groups, and only tiny networks need them
_WORTH_SAMPLES = 1e-3  # of the target
_MOST_TRIPLES = 300_000
_SAMPLES = 4096
_SHARES_MOVED = (0.1, 0.3, 0.6, 1.0)
_MOST_RUNGS = 2**19  # combinations of the coarse groups' rungs × groups: some tenths of a second

Vector = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Projection:
    """A proposal and its projection.

    Attributes:
        allocation: the result; it costs at most `target_macs`. It is at most `REACH` steps per group from `scaled`,
            unless every allocation found there leaves more than `MOST_UNSPENT` of the target and one further away
            leaves less.
        macs: MACs of `allocation`.
        requested: the proposal before rounding and scaling.
        requested_macs: MACs of `requested`.
        scaled: the proposal scaled as a whole to just under the target.
    """

    allocation: Allocation
    macs: int
    requested: Allocation
    requested_macs: int
    scaled: Allocation


def project(plan: Plan, allocation: Sequence[int], target_macs: int, *, round_to: int = 1) -> Projection:
    """Project a proposal onto `target_macs`.

    Args:
        plan: the model's plan.
        allocation: the proposal: units to keep in each group.
        target_macs: the most MACs that the result may have.
        round_to: every resulting count is a multiple of this, or the whole group.

    Raises:
        InfeasibleTargetError: the target is below the MACs of the smallest allocation, or not below the baseline.
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
        scaled = _scale(plan, ladder, np.array(requested), target_macs)
        final, macs = _Search(plan, ladder, scaled, target_macs).best()
        # The refill counts from one step up, so it knows no limits.
        if not plan.least and target_macs - macs > MOST_UNSPENT * target_macs:
            other, other_macs = _Refill(plan, ladder, scaled, target_macs).best(np.array(requested))
            final, macs = (other, other_macs) if other_macs > macs else (final, macs)
    return Projection(ladder.counts(final), macs, requested, plan.macs(requested), ladder.counts(scaled))


@lru_cache(maxsize=1)
def _one_thread() -> ThreadpoolController:
    """A controller that can limit numpy's BLAS to one thread.

    These products take a millisecond. On a machine that is busy with trials, BLAS threads would wait for each other a
    hundred times as long.
    """
    return ThreadpoolController().select(internal_api="openblas")


class _Ladder:
    """The allowed counts as rungs: rung r of a group is r steps, and its top rung is the whole group."""

    def __init__(self, plan: Plan, round_to: int) -> None:
        self.units = np.array(plan.full())
        self.steps = np.array(plan.steps(round_to))
        self.top = -(-self.units // self.steps)
        self.bottom = -(-np.array(plan.floor(round_to)) // self.steps)

    def counts_of(self, rungs: Vector) -> Vector:
        """The counts of units at rungs `[…, groups]`."""
        return np.minimum(rungs * self.steps, self.units)

    def counts(self, rungs: Vector) -> Allocation:
        return tuple(self.counts_of(rungs).tolist())

    def nearest(self, counts: NDArray[np.floating[Any]]) -> Vector:
        """The rung nearest to each count; a count halfway between two rungs goes up.

        The last step of a group may be shorter than the others.
        """
        down = np.floor(counts / self.steps)
        gap = np.minimum((down + 1) * self.steps, self.units) - down * self.steps
        rungs = down + ((counts - down * self.steps) * 2 >= gap)
        return np.clip(rungs, self.bottom, self.top).astype(np.int64)


def _scale(plan: Plan, ladder: _Ladder, requested: Vector, target: int) -> Vector:
    """The largest `scale · requested` on the ladder that costs no more than the target.

    Costs rise with the scale, so 64 bisections find the last float before the target is passed.
    """
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
    """Improves an allocation by local search with exact costs, within `reach` steps per group."""

    def __init__(self, plan: Plan, ladder: _Ladder, start: Vector, target: int, reach: int = REACH) -> None:
        self._plan, self._ladder, self._target = plan, ladder, target
        self._start = start
        self._reach = reach
        self._lowest = np.maximum(start - reach, ladder.bottom)
        self._highest = np.minimum(start + reach, ladder.top)

    def best(self) -> tuple[Vector, int]:
        """The best allocation found, as rungs, and its MACs.

        The search climbs from the start. If that ends too low, it climbs from the best of many sampled points: first
        points at which few groups moved, then points at which more did.
        """
        best, macs = self._climb(self._start)
        for share in _SHARES_MOVED:
            if self._target - macs <= _WORTH_SAMPLES * self._target:
                break
            points = self._sample(share)
            prices = self._macs(points)
            prices[prices > self._target] = -1
            if prices.max() >= 0:
                other, other_macs = self._climb(points[int(prices.argmax())])
                best, macs = (other, other_macs) if other_macs > macs else (best, macs)
        return best, macs

    def _sample(self, share: float) -> Vector:
        """Points within reach at which about `share` of the groups moved; the same points in every call."""
        generator = np.random.default_rng(0)
        shape = (_SAMPLES, len(self._start))
        steps = generator.integers(-self._reach, self._reach, size=shape, endpoint=True)
        moved = generator.random(shape) < share
        return np.clip(self._start + steps * moved, self._lowest, self._highest)

    def _macs(self, rungs: Vector) -> Vector:
        return self._plan.macs_many(self._ladder.counts_of(rungs))

    def _climb(self, current: Vector) -> tuple[Vector, int]:
        """Take the best move until none improves: of one group at first, then of two groups, then of three."""
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
        """The move to the most MACs not over the target, or None if that is no improvement."""
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


class _Refill:
    """Spends what the local search leaves, by scaling the proposal again for each choice of the coarse groups.

    The coarsest groups are held at every combination of their rungs. For each combination the other groups climb the
    path of the scaled proposal, one step of one group at a time, to the last point that is not over the target. If each
    of those steps costs at most `MOST_UNSPENT` of the target, one of these points leaves no more than that whenever any
    allocation does: the path at that allocation's coarse rungs leads from below it to above it, and no step is long
    enough to skip the band. If only one group is left to climb, the points include the best of all allocations.
    """

    def __init__(self, plan: Plan, ladder: _Ladder, scaled: Vector, target: int) -> None:
        self._plan, self._ladder, self._scaled, self._target = plan, ladder, scaled, target
        only = np.eye(len(scaled), dtype=np.int64)
        self._top = 1 + self._last_fitting(lambda above: 1 + only * above[:, None], ladder.top - 1)

    def best(self, requested: Vector) -> tuple[Vector, int]:
        """The nearest such point, improved by local search, and its MACs.

        The search's reach grows as long as the result leaves too much.
        """
        start, reach = self._nearest(requested), REACH
        while True:
            found, macs = _Search(self._plan, self._ladder, start, self._target, reach).best()
            if self._target - macs <= MOST_UNSPENT * self._target or reach >= self._top.max():
                return found, macs
            reach *= 4

    def _nearest(self, requested: Vector) -> Vector:
        """The point nearest to the scaled proposal, among those that leave at most `MOST_UNSPENT` of the target.

        Distance is measured in shares of the groups. If all points leave more, the one that leaves least.
        """
        held = self._groups_to_hold()
        floors = self._combinations(held)
        path = self._path(requested, held)
        last = np.full(len(floors), len(path) - 1)
        points = floors + path[self._last_fitting(lambda at: floors + path[at], last)]
        left = self._target - self._macs(points)
        enough = left <= MOST_UNSPENT * self._target
        if not enough.any():
            return points[int(left.argmin())]
        moved = (self._ladder.counts_of(points) - self._ladder.counts_of(self._scaled)) / self._ladder.units
        return points[int(np.where(enough, (moved**2).sum(axis=1), np.inf).argmin())]

    def _groups_to_hold(self) -> Vector:
        """The groups to hold: all but the one of most rungs if affordable, else those whose next step costs most."""
        most = _MOST_RUNGS / len(self._top)
        movable = self._top > 1
        others = np.flatnonzero(movable & (np.arange(len(self._top)) != self._top.argmax()))
        if self._top[others].prod(dtype=float) <= most:
            return others
        held: list[int] = []
        for group in np.argsort(-self._prices_of_a_step(), kind="stable").tolist():
            if movable[group] and self._top[[*held, group]].prod(dtype=float) <= most:
                held.append(group)
        return np.array(held)

    def _prices_of_a_step(self) -> Vector:
        up = np.minimum(self._scaled + 1, self._ladder.top)
        down = np.maximum(up - 1, self._ladder.bottom)
        only = np.eye(len(up), dtype=bool)
        return self._macs(np.where(only, up, self._scaled)) - self._macs(np.where(only, down, self._scaled))

    def _combinations(self, held: Vector) -> Vector:
        """Combinations of the held groups' rungs that fit with the others at the bottom: `[combinations, groups]`."""
        count = int(self._top[held].prod())
        points = np.ones((count, len(self._top)), dtype=np.int64)
        points[:, held] += np.indices(self._top[held].tolist()).reshape(len(held), count).T
        return points[self._macs(points) <= self._target]

    def _path(self, requested: Vector, held: Vector) -> Vector:
        """The steps of the other groups above the bottom as the proposal is scaled up: `[points, groups]`.

        A step is taken halfway between its two counts, as `_Ladder.nearest` rounds.
        """
        free = np.setdiff1d(np.arange(len(self._top)), held)
        groups = np.repeat(free, self._top[free] - 1)
        below = np.concatenate([np.arange(1, top) for top in self._top[free]])
        steps, units = self._ladder.steps[groups], self._ladder.units[groups]
        halfway = (below * steps + np.minimum((below + 1) * steps, units)) / 2
        order = np.argsort(halfway / requested[groups], kind="stable")
        taken = np.zeros((len(groups) + 1, len(self._top)), dtype=np.int64)
        taken[np.arange(1, len(taken)), groups[order]] = 1
        return taken.cumsum(axis=0)

    def _last_fitting(self, points: Callable[[Vector], Vector], last: Vector) -> Vector:
        """For each row of `points(positions)`, the last position from 0 to `last` that is not over the target."""
        low, high = np.zeros_like(last), last
        while (low < high).any():
            middle = (low + high + 1) // 2
            fits = self._macs(points(middle)) <= self._target
            low, high = np.where(fits, middle, low), np.where(fits, high, middle - 1)
        return low

    def _macs(self, rungs: Vector) -> Vector:
        return self._plan.macs_many(self._ladder.counts_of(rungs))
