"""The interface of a criterion: how important is each head?"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ablations.heads.language_model import Head, LanguageModel


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a criterion may look at.

    Attributes:
        model: the dense model.
        tokens: calibration text [sequences, time], from files on which nothing is measured.
        seed: for criteria that draw at random.
    """

    model: LanguageModel
    tokens: Tensor
    seed: int


class Importance(ABC):
    """A criterion. The heads with the lowest scores are removed first.

    Attributes:
        name: its name on the command line.
        summary: what it measures, in one line.
        recomputed: whether the scores are made again after each removal.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    recomputed: ClassVar[bool] = False

    @abstractmethod
    def scores(self, evidence: Evidence, removed: frozenset[Head]) -> Tensor:
        """Return a score [layers, heads] in float64 on the CPU; those of removed heads do not matter."""
