"""A lattice over the named directions of the profile, coarse to fine."""

import math
from itertools import product

from search.arms import ArmName
from search.proposers.listed import ListedProposer
from search.space.search_space import SearchSpace
from search.space.strategy import Proposal, Strategy, clip_ratios

REACH = 0.8
"""The largest tilt along one direction, in log keep ratio: exp(0.8) keeps 2.2 times the uniform share at its end."""
LEVELS = 4
"""The number of lattices, with spacing `REACH`, `REACH`/2, …: the last has 17 points along each direction."""

Point = tuple[int, ...]


class GridProposer(ListedProposer):
    """Allocations that are log-linear in the profile's directions (depth, cost, …), at the points of a lattice.

    Within a level the points with few tilts come first, so that a small budget tries each direction alone before their
    combinations. A direction in which all sets are equal is left out.
    """

    name = ArmName.GRID.value
    reads_sensitivity = True

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space)
        self._features = [(name, values) for name, values in space.profile.features() if any(values)]
        self._points = lattice(len(self._features), LEVELS)

    def count(self) -> int:
        """The number of lattice points without the origin, which is the common start."""
        return len(self._points)

    def nth(self, index: int) -> Proposal:
        """The uniform share, tilted as point `index` says."""
        tilts = [REACH * step / 2 ** (LEVELS - 1) for step in self._points[index]]
        start = math.log((self.space.budget.target_macs / self.space.profile.baseline_macs) ** 0.5)
        logs = [
            start + sum(tilt * values[entry.index] for tilt, (_, values) in zip(tilts, self._features, strict=True))
            for entry in self.space.profile.sets
        ]
        strategy = Strategy(clip_ratios([math.exp(log) for log in logs]), self.space.criteria[0], self.space.round_to)
        named = [f"{name} {tilt:+.2f}" for tilt, (name, _) in zip(tilts, self._features, strict=True) if tilt]
        return Proposal(strategy, self.name, f"tilted by {', '.join(named)}")


def lattice(dimensions: int, levels: int) -> tuple[Point, ...]:
    """Integer points of [-2^(levels-1), 2^(levels-1)]^dimensions without the origin, each point once.

    Coarse lattices come first, and within a level the points with the fewest non-zero coordinates.
    """
    if not dimensions:
        return ()
    finest = 2 ** (levels - 1)
    seen: dict[Point, None] = {}
    for level in range(levels):
        step = finest >> level
        ticks = range(finest, -finest - 1, -step)
        for point in sorted(product(ticks, repeat=dimensions), key=lambda p: sum(map(bool, p))):
            seen.setdefault(point)
    return tuple(point for point in seen if any(point))
