"""What a worker does: it measures one condition after another. Knows nothing of who runs it."""

import logging
import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablations.floor.condition import Condition, shown
from ablations.floor.journal import Facts
from ablations.floor.options import StudyOptions
from ablations.floor.study import MeasureContext, Study

_log = logging.getLogger(__name__)

CONDITION = "condition"
"""Where a task holds its condition."""


@dataclass(frozen=True, slots=True)
class Work:
    """What all conditions of a study share; it travels to every worker.

    Attributes:
        cache: A folder that outlives the study.
        artifacts: The folder of the conditions' folders.
        threads: Threads of one measurement.
        prepared: The entries of the study's journal.
    """

    study: Study[Any]
    options: StudyOptions
    cache: Path
    artifacts: Path
    threads: int
    prepared: Mapping[str, Facts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MeasureReport:
    """What came of a condition.

    Attributes:
        condition: Its key.
        figures: None if it failed.
        error: Why it failed; None if it did not.
        wall_s: Seconds that it took.
        worker: The name of the worker.
    """

    condition: str
    figures: Mapping[str, float] | None
    error: str | None
    wall_s: float
    worker: str


class BadFiguresError(ValueError):
    """What `measure` returned is no measurement: a figure is not finite, or is none of the study's."""


class MeasureWorker:
    """Measures conditions. An error becomes a report, which the session records, and the worker goes on.

    Args:
        work: What all conditions share.
        name: Of the worker, as the ledger shall have it.
        confine: Hides the GPUs that the worker was not given; called before each condition.
    """

    def __init__(self, work: Work, name: str, confine: Callable[[], object] = lambda: None) -> None:
        self._work, self._name, self._confine = work, name, confine
        self._known = frozenset(figure.key for figure in work.study.figures(work.options))

    def measure(self, config: Mapping[str, Any]) -> MeasureReport:
        """Measure the condition of a task."""
        condition, began = Condition.model_validate(config[CONDITION]), time.monotonic()
        figures, error = self._try(condition)
        return MeasureReport(condition.key, figures, error, time.monotonic() - began, self._name)

    def _try(self, condition: Condition) -> tuple[Mapping[str, float] | None, str | None]:
        work = self._work
        try:
            folder = work.artifacts / condition.file_name
            self._confine()
            shutil.rmtree(folder, ignore_errors=True)  # what a measurement left that was cut off
            folder.mkdir(parents=True)
            context = MeasureContext(work.cache, folder, work.threads, work.prepared)
            return self._checked(work.study.measure(work.options, condition, context)), None
        except Exception as error:  # noqa: BLE001  whatever it is, it ends this condition alone, and is recorded
            _log.debug("%s failed", shown(condition), exc_info=True)
            return None, "; ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])

    def _checked(self, figures: Mapping[str, float]) -> Mapping[str, float]:
        """Refuse what is no measurement, before it is written down as one."""
        unknown = sorted(figures.keys() - self._known)
        if unknown or not figures:
            raise BadFiguresError(f"its figures are {sorted(figures)}, and the study has {sorted(self._known)}")
        numbers = {key: float(value) for key, value in figures.items()}
        bad = {key: value for key, value in numbers.items() if not math.isfinite(value)}
        if bad:
            raise BadFiguresError(f"not finite: {', '.join(f'{key} = {value}' for key, value in bad.items())}")
        return numbers
