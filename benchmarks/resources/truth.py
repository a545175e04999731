"""What is built into the simulated studies, and what follows from it in closed form, without the study's own code.

A task of a category is within reach of a model, or beyond it. Within reach an attempt at level l is right with
probability s_l; any attempt that is not right passes the visible tests all the same with probability `lure`. With
q_l = s_l + (1 − s_l)·lure, branching comes to level l with probability R_l = Π_{j<l} (1 − q_j)^(2^j), answers there
with probability R_l·(1 − (1 − q_l)^(2^l)), and is then right with probability s_l / q_l, because it takes the first
that passes the visible tests.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ablations.resources.rehearsal.skill import Skill

LARGE = Skill({"strings": 0.75, "lists": 0.7, "numbers": 0.7, "dicts": 0.65})
SMALL = Skill(
    {"strings": 0.45, "lists": 0.35, "numbers": 0.25, "dicts": 0.15},
    gain=0.05,
    reach={"strings": 0.96, "lists": 0.92, "numbers": 0.5, "dicts": 0.4},
)
CATEGORIES = ("strings", "lists", "numbers", "dicts")
"""In equal parts, so that the first attempts of the large model are right in 0.7 of the tasks, and of the small 0.3."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of one model, asked in all ways.

    Attributes:
        skill: Of the model.
        lure: Share of wrong attempts that pass the visible tests.
        depth: Of its tree.
    """

    skill: Skill
    lure: float
    depth: int

    def pass_at(self, k: int) -> float:
        """Return pass@k over all categories."""
        return _mean(self.skill.reach_of(name) * (1 - (1 - self.skill.of(name)) ** k) for name in CATEGORIES)

    def once(self, category: str) -> float:
        """Return the share of a category that one attempt solves."""
        return self.skill.reach_of(category) * self.skill.of(category)

    def samples(self, count: int) -> float:
        """Return the share of tasks that the first of `count` samples solves which passes the visible tests."""

        def of(name: str) -> float:
            right = self.skill.of(name)
            passes = right + (1 - right) * self.lure
            return self.skill.reach_of(name) * (1 - (1 - passes) ** count) * right / passes

        return _mean(map(of, CATEGORIES))

    def gain(self, category: str, level: int) -> float:
        """Return the share of a category that branching solves at a level."""
        right = self.skill.of(category, level)
        passes = right + (1 - right) * self.lure
        come = self._comes_to(lambda at: self.skill.of(category, at), level)
        return self.skill.reach_of(category) * come * (1 - (1 - passes) ** 2**level) * right / passes

    def branching(self, category: str) -> float:
        """Return the share of a category that branching solves."""
        return math.fsum(self.gain(category, level) for level in range(self.depth + 1))

    def calls(self, category: str) -> float:
        """Return the mean calls of branching for a task of a category."""

        def within(level: int) -> float:
            return self.skill.of(category, level)

        reach = self.skill.reach_of(category)
        return math.fsum(
            2**level * (reach * self._comes_to(within, level) + (1 - reach) * self._comes_to(lambda _: 0.0, level))
            for level in range(self.depth + 1)
        )

    def _comes_to(self, right: Callable[[int], float], level: int) -> float:
        return math.prod(((1 - right(at)) * (1 - self.lure)) ** 2**at for at in range(level))


def over_categories(of: Callable[[str], float]) -> float:
    """Return the mean of a value over the categories, which are equally large."""
    return _mean(map(of, CATEGORIES))


def best_rule(large: Truth, small: Truth, tolerance: float) -> frozenset[str]:
    """Return the categories that should go to the small model's branching."""
    return frozenset(name for name in CATEGORIES if small.branching(name) >= large.once(name) - tolerance)


def routed(large: Truth, small: Truth, to_small: frozenset[str]) -> float:
    """Return the share of tasks that a rule solves."""
    return over_categories(lambda name: small.branching(name) if name in to_small else large.once(name))


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return math.fsum(found) / len(found)
