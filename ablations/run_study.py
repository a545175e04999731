"""The interface of a study, which makes tables from runs; each study is a file, listed in `ablations.registry`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from ablations.floor.table import Table
from tracking.mirror.records import RunRecord


class RunStudy(ABC):
    """A question about finished runs.

    Attributes:
        name: Its name on the command line.
        question: The question in one line.
    """

    name: ClassVar[str]
    question: ClassVar[str]

    @abstractmethod
    def tables(self, runs: Sequence[RunRecord]) -> tuple[Table, ...]:
        """Answer the question, from the runs alone, whatever their order; print nothing.

        Raises:
            NothingToCompareError: None of the runs can be compared.
        """

    @abstractmethod
    def answers(self, runs: Sequence[RunRecord]) -> tuple[str, ...]:
        """Answer the question in sentences, one for each cell and part of it; what the page opens with.

        Raises:
            NothingToCompareError: None of the runs can be compared.
        """
