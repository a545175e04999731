"""The place of an attempt: one of the independent samples, or a branch of the tree whose root is the first sample."""

import re
from dataclasses import dataclass
from typing import Self

SAMPLES = 0


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where an attempt stands.

    Attributes:
        level: 0 for the independent samples, else the level of the branch.
        number: Counts the attempts of the level from 0.
    """

    level: int
    number: int

    @property
    def parent(self) -> "Place":
        """The attempt that this branch goes on from: that of two neighbours is the same, and of level 1 the root."""
        assert self.level > SAMPLES, "a sample goes on from nothing"
        return ROOT if self.level == 1 else Place(self.level - 1, self.number // 2)

    @property
    def ancestors(self) -> tuple["Place", ...]:
        """From the root to the parent; none of a sample."""
        return () if self.level == SAMPLES else (*self.parent.ancestors, self.parent)

    def __str__(self) -> str:
        return f"sample-{self.number}" if self.level == SAMPLES else f"level-{self.level}-branch-{self.number}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the place that a text names, which `str` made."""
        level, number = (int(part) for part in re.findall(r"\d+", text if "level" in text else f"0 {text}"))
        return cls(level, number)


ROOT = Place(SAMPLES, 0)
"""The first attempt: the first of the independent samples, and the root of the tree."""


def samples(count: int) -> tuple[Place, ...]:
    """Return the places of so many independent samples."""
    return tuple(Place(SAMPLES, number) for number in range(count))


def branches(level: int) -> tuple[Place, ...]:
    """Return the places of a level of the tree: 2^level branches."""
    return tuple(Place(level, number) for number in range(2**level))


def tree_size(depth: int) -> int:
    """Return how many attempts a tree has that never succeeds: 1 + 2 + … + 2^depth."""
    return 2 ** (depth + 1) - 1
