"""Find the most MACs under a target that any allocation can use.

Shares nothing with `pruning.projection` but the plan's costs. Small networks are evaluated at every allocation; others
at many random ones, with hill climbing from the best of them.
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
        plan: the model's plan.
        round_to: the rounding of the counts.
        most_allocations: the largest number of allocations to enumerate; if there are more, they are searched.

    Attributes:
        exhaustive: whether all allocations were evaluated, so that `most` returns the optimum.
    """

    def __init__(self, plan: Plan, round_to: int, *, most_allocations: int = 1_000_000) -> None:
        self._plan = plan
        ends = zip(plan.full(), plan.steps(round_to), strict=True)
        self._counts = [np.array([*range(step, units, step), units]) for units, step in ends]
        self._sizes = np.array([len(counts) for counts in self._counts])
        self.exhaustive = bool(self._sizes.prod(dtype=float) <= most_allocations)
        self._points = self._all() if self.exhaustive else self._sample()
        self._prices = self._price(self._points)

    def most(self, target: int) -> int:
        """The most MACs found that are not over the target."""
        under = np.flatnonzero(self._prices <= target)
        if self.exhaustive:
            return int(self._prices[under].max())
        best = under[np.argsort(self._prices[under])[-_CLIMBS:]]
        return max(self._climb(point, target) for point in self._points[best])

    def _all(self) -> Points:
        return np.indices(self._sizes.tolist()).reshape(len(self._sizes), -1).T

    def _sample(self) -> Points:
        """The floor and random points: the groups' shares range from nearly equal to independent of each other."""
        rng = np.random.default_rng(0)
        share, spread = rng.random((_DRAWS, 1)), rng.random((_DRAWS, 1)) ** 2
        kept = share + spread * rng.uniform(-1, 1, (_DRAWS, len(self._sizes)))
        points = np.clip(np.rint(kept * (self._sizes - 1)), 0, self._sizes - 1).astype(np.int64)
        points[0] = 0
        return points

    def _price(self, points: Points) -> Points:
        chunks = (points[start : start + _AT_ONCE] for start in range(0, len(points), _AT_ONCE))
        return np.concatenate([self._plan.macs_many(self._kept(chunk)) for chunk in chunks])

    def _kept(self, points: Points) -> Points:
        return np.stack([counts[points[:, g]] for g, counts in enumerate(self._counts)], axis=1)

    def _climb(self, point: Points, target: int) -> int:
        """Climb by the best move of one or two groups by one step each, until none is better."""
        moves = _exchanges(len(point))
        price = -1
        while True:
            near = point + moves
            near = near[((near >= 0) & (near < self._sizes)).all(axis=1)]
            prices = self._price(near)
            prices[prices > target] = -1
            best = int(prices.argmax())
            if prices[best] <= price:
                return price
            point, price = near[best], int(prices[best])


def _exchanges(groups: int) -> Points:
    """All moves of none, one or two groups by one step up or down."""
    moves = [np.zeros(groups, dtype=np.int64)]
    for a, b in combinations(range(-1, groups), 2):
        for up, down in product((1, -1), repeat=2):
            move = np.zeros(groups, dtype=np.int64)
            move[b] = down
            if a >= 0:
                move[a] = up
            moves.append(move)
    return np.unique(np.stack(moves), axis=0)
