"""The parts of MBPP, by the numbers of its tasks (Austin et al. 2021, section 2.1)."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Split(StrEnum):
    """A part of a file of tasks."""

    PROMPT = "prompt"
    TEST = "test"
    VALIDATION = "validation"
    TRAIN = "train"
    ALL = "all"

    def has(self, number: int) -> bool:
        """Whether a task of that number is in this part."""
        return self is Split.ALL or number in NUMBERS[self]


NUMBERS: Mapping[Split, range] = MappingProxyType(
    {
        Split.PROMPT: range(1, 11),
        Split.TEST: range(11, 511),
        Split.VALIDATION: range(511, 601),
        Split.TRAIN: range(601, 975),
    }
)
"""The numbers of each part; a file with other numbers has them only in `Split.ALL`."""
