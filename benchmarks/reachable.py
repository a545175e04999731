"""What a budget could have been used to: the most MACs under a target that any allocation spends.

Owes `pruning.projection` nothing but the prices. Small networks are priced at every allocation there is; the others
at many random ones, and from the best of those uphill.
"""

from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from pruning.plan import Plan

_DRAWS = 50_000
_CLIMBS = 8
_AT_ONCE = 2**16

Points = NDArray[np.int64]


class Reachable:
    """The MACs that a plan's allocations can have, each count a multiple of `round_to` or the whole group.

    Args:
        most_allocations: price at most as many; where there are more, search.

    Attributes:
        exhaustive: whether all allocations were priced, so that `most` is what is best, not only what was found.
    """

    def __init__(self, plan: Plan, round_to: int, *, most_allocations: int = 1_000_000) -> None:
        self._plan = plan
        ends = zip(plan.full(), plan.steps(round_to), strict=True)
        self._counts = [np.array([*range(step, units, step), units]) for units, step in ends]
        self._sizes = np.array([len(counts) for counts in self._counts])
        self.exhaustive = bool(self._sizes.prod(dtype=float) <= most_allocations)
        self._points = self._all() if self.exhaustive else self._drawn()
        self._prices = self._priced(self._points)

    def most(self, target: int) -> int:
        """The most MACs not over the target that were found."""
        under = np.flatnonzero(self._prices <= target)
        if self.exhaustive:
            return int(self._prices[under].max())
        best = under[np.argsort(self._prices[under])[-_CLIMBS:]]
        return max(self._climbed(point, target) for point in self._points[best])

    def _all(self) -> Points:
        return np.indices(self._sizes.tolist()).reshape(len(self._sizes), -1).T

    def _drawn(self) -> Points:
        """The floor, and random points: all groups keep about one share, or each any share, or something between."""
        rng = np.random.default_rng(0)
        share, spread = rng.random((_DRAWS, 1)), rng.random((_DRAWS, 1)) ** 2
        kept = share + spread * rng.uniform(-1, 1, (_DRAWS, len(self._sizes)))
        points = np.clip(np.rint(kept * (self._sizes - 1)), 0, self._sizes - 1).astype(np.int64)
        points[0] = 0
        return points

    def _priced(self, points: Points) -> Points:
        chunks = (points[start : start + _AT_ONCE] for start in range(0, len(points), _AT_ONCE))
        return np.concatenate([self._plan.macs_many(self._kept(chunk)) for chunk in chunks])

    def _kept(self, points: Points) -> Points:
        return np.stack([counts[points[:, g]] for g, counts in enumerate(self._counts)], axis=1)

    def _climbed(self, point: Points, target: int) -> int:
        """Uphill by the best exchange of one or two groups, of one step each, until none is better."""
        moves = _exchanges(len(point))
        price = -1
        while True:
            near = point + moves
            near = near[((near >= 0) & (near < self._sizes)).all(axis=1)]
            prices = self._priced(near)
            prices[prices > target] = -1
            best = int(prices.argmax())
            if prices[best] <= price:
                return price
            point, price = near[best], int(prices[best])


def _exchanges(groups: int) -> Points:
    """No move, one group a step up or down, or two groups."""
    moves = [np.zeros(groups, dtype=np.int64)]
    for a, b in combinations(range(-1, groups), 2):
        for up, down in product((1, -1), repeat=2):
            move = np.zeros(groups, dtype=np.int64)
            move[b] = down
            if a >= 0:
                move[a] = up
            moves.append(move)
    return np.unique(np.stack(moves), axis=0)
