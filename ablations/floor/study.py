"""The interface of a study; each is a folder under `ablations/` and a line of `ablations.registry`.

A study says which conditions there are, measures one of them, and asks questions about all. It knows nothing of who
runs the conditions, where they are recorded, or how figures become tables.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Generic, TypeVar

from ablations.floor.condition import Condition
from ablations.floor.figure import Figure
from ablations.floor.figure_plot import FigurePlot
from ablations.floor.journal import Facts, Journal
from ablations.floor.options import StudyOptions
from ablations.floor.questions import Question
from ablations.floor.report import Extras, Report
from ablations.floor.results import Results

_Options = TypeVar("_Options", bound=StudyOptions)
_NOTHING: Mapping[str, Facts] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PrepareContext:
    """What a preparation may use.

    Attributes:
        cache: As in `MeasureContext`.
        artifacts: A folder of the study for texts and other files to be kept; it exists.
        check: Raises KeyboardInterrupt once the user has interrupted the study; to be called between steps, and from
            the thread that called `prepare`. A step is never cut off by the first signal.
        say: Shows a line to the user.
        retry: Whether what failed before is to be tried again.
        threads: As in `MeasureContext`.
    """

    cache: Path
    artifacts: Path
    check: Callable[[], None]
    say: Callable[[str], None]
    retry: bool = False
    threads: int = 1


@dataclass(frozen=True, slots=True)
class MeasureContext:
    """What a measurement may use.

    Attributes:
        cache: A folder that all conditions share, and that outlives the study; whoever writes it uses `ground.cache`.
        artifacts: A folder of this condition alone, for texts and other files to be kept; it exists and is empty.
        threads: Threads that the measurement may use, as for `torch.set_num_threads`.
        prepared: The entries of the study's journal.
    """

    cache: Path
    artifacts: Path
    threads: int = 1
    prepared: Mapping[str, Facts] = field(default_factory=lambda: _NOTHING)


class Study(ABC, Generic[_Options]):
    """A study. An instance has no state, and is pickled to the workers: heavy imports belong into `measure`.

    Attributes:
        name: Its name on the command line.
        question: What it asks, in one line that ends with a question mark.
        options: The model of its options.
    """

    name: ClassVar[str]
    question: ClassVar[str]
    options: type[_Options]

    @abstractmethod
    def figures(self, options: _Options) -> tuple[Figure, ...]:
        """Return the figures that `measure` may return, in the order of the tables."""

    @abstractmethod
    def conditions(self, options: _Options) -> tuple[Condition, ...]:
        """Return the grid, each condition once, in the order of the tables."""

    @abstractmethod
    def measure(self, options: _Options, condition: Condition, context: MeasureContext) -> Mapping[str, float]:
        """Measure one condition; called in any process and in any order.

        Returns:
            Finite figures by key. One that does not apply to a condition is left out.

        Raises:
            Exception: It could not be measured. The condition has then failed, with this reason.
        """

    @abstractmethod
    def questions(self, options: _Options) -> tuple[Question, ...]:
        """Return the questions, decided before anything is measured: p-values are corrected for their number."""

    def check(self, options: _Options) -> None:
        """Refuse what cannot be measured here, before anything is begun, such as a model that is not there.

        Raises:
            AblationError: One paragraph that says what would work.
        """

    def prepare(self, options: _Options, journal: Journal, context: PrepareContext) -> None:
        """Do what must be done once before conditions are measured, such as asking an LLM, and write it in the journal.

        It runs in the driver whenever a condition is still to be measured, also when the study goes on: what the
        journal holds must not be done again. What is bought is written down before anything acts on it.

        Raises:
            Exception: The study cannot be measured. What fails for single conditions belongs in the journal, and
                `measure` raises it.
        """

    def conclude(self, options: _Options, report: Report, journal: Journal, context: PrepareContext) -> None:
        """Do what needs the report, such as asking an LLM what it shows, and write that in the journal.

        It runs in the driver at the end of each start, also when nothing was left to be measured: what the journal
        holds must not be done again. The report is then made once more, with all that is in the journal.

        Raises:
            Exception: The study ends as failed, and goes on from here when it is started again.
        """

    def plots(self, options: _Options) -> tuple[FigurePlot, ...]:
        """Return which figure is drawn across which factor. Without any, each figure is drawn across the first one."""
        return ()

    def extras(self, options: _Options, results: Results, artifacts: Path) -> Extras:
        """Return tables, plots and sections of its own, made from the results alone.

        Args:
            options: Of the study.
            results: Of all conditions.
            artifacts: Contains the folder of each condition, named by `Condition.file_name`.
        """
        return Extras()
