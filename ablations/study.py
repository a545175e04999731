"""What a study is: it makes tables of runs. One study a file; `ablations.registry` names them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from ablations.table import Table
from tracking.mirror.records import RunRecord


class Study(ABC):
    """A question put to finished runs.

    Attributes:
        name: what it is called on the command line.
        question: what it answers, in one line.
    """

    name: ClassVar[str]
    question: ClassVar[str]

    @abstractmethod
    def tables(self, runs: Sequence[RunRecord]) -> tuple[Table, ...]:
        """The answer. It follows from the runs alone, whatever their order, and prints nothing.

        Raises:
            NothingToCompareError: no run can stand in it.
        """
