"""How often a scripted model is right: by category, and more often on each level of the tree."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Skill:
    """The skill of a scripted model.

    A model of skill 0.3 in a category is no die that is thrown anew for each attempt: some tasks are beyond it, and on
    these more attempts do not help. `reach` is the share of a category's tasks that are not.

    Attributes:
        right: Share of first attempts that are right, over all tasks of a category.
        gain: By how much more often an attempt is right with each level of the tree, on tasks within reach.
        reach: Of a category; 1 where none is stated.
        otherwise: Share of first attempts that are right in a category that is not in `right`.
    """

    right: Mapping[str, float]
    gain: float = 0.0
    reach: Mapping[str, float] = field(default_factory=dict)
    otherwise: float = 0.0

    def reach_of(self, category: str) -> float:
        """Return the share of a category's tasks that are within reach."""
        return self.reach.get(category, 1.0)

    def of(self, category: str, level: int = 0) -> float:
        """Return the probability that an attempt at a task within reach is right."""
        reach = self.reach_of(category)
        first = self.right.get(category, self.otherwise) / reach if reach else 0.0
        return min(1.0, first + self.gain * level)


LARGE = Skill({"strings": 0.8, "lists": 0.7, "numbers": 0.7, "dicts": 0.6}, otherwise=0.7)
SMALL = Skill(
    {"strings": 0.45, "lists": 0.35, "numbers": 0.25, "dicts": 0.15},
    gain=0.05,
    reach={"strings": 0.95, "lists": 0.85, "numbers": 0.4, "dicts": 0.3},
    otherwise=0.3,
)
