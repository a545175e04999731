"""One session of a study, without Ray: which conditions are still to be measured; each step is written down first."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from ablations.floor.condition import Condition
from ablations.floor.execution.worker import CONDITION, MeasureReport
from ablations.floor.results import Results, results_of
from search.execution.served import TaskConfig, Turn
from tracking.events import payloads_of
from tracking.ledger import Ledger
from tracking.study_payloads import ConditionBegun, ConditionFailed, ConditionMeasured


class StudySession:
    """Serves conditions, seed by seed, so that an interrupted study has about as much of every arm.

    Every method is called from one thread. A condition that has an end in the ledger is not measured again; one that
    only began is. A condition whose process dies is measured once more: the second death is its failure.
    """

    def __init__(
        self,
        conditions: Sequence[Condition],
        ledger: Ledger,
        *,
        retry_failed: bool = False,
        timeout_s: float | None = None,
    ) -> None:
        """Take up what the ledger holds.

        Args:
            conditions: The grid.
            ledger: Of the study.
            retry_failed: Whether conditions that failed before are measured again.
            timeout_s: Seconds after which a condition counts as hung; None for no limit.
        """
        self._conditions, self._ledger, self._timeout_s = tuple(conditions), ledger, timeout_s
        done = self.results()
        pending = [*done.missing, *(done.failed if retry_failed else ())]
        self._queue = deque(sorted((outcome.condition for outcome in pending), key=lambda condition: condition.seed))
        self._by_key = {condition.key: condition for condition in conditions}
        begun = payloads_of(ledger.events, ConditionBegun)
        self._numbers = {record.condition: record.number for record in begun}
        self._running: set[str] = set()
        self._lost: set[str] = set()
        self._interrupted = False

    @property
    def interrupted(self) -> bool:
        """Whether the user interrupted the study."""
        return self._interrupted

    @property
    def pending(self) -> int:
        """How many conditions are still to be begun."""
        return len(self._queue)

    def interrupt(self) -> None:
        """Begin nothing more. Safe to call from a signal handler: it only sets a flag."""
        self._interrupted = True

    def results(self) -> Results:
        """Return what the ledger holds of every condition."""
        return results_of(self._conditions, self._ledger.events)

    def take(self) -> Turn:
        """Decide what to measure now, and write down that it begins. Never blocks."""
        if self._interrupted:
            return Turn(None, over=True)
        if not self._queue:
            return Turn(None, over=not self._running)
        condition = self._queue.popleft()
        number = self._numbers.setdefault(condition.key, len(self._numbers))
        self._ledger.record(
            ConditionBegun(condition=condition.key, number=number, factors=dict(condition.factors), seed=condition.seed)
        )
        self._running.add(condition.key)
        return Turn({CONDITION: condition.model_dump(mode="json")}, over=False)

    def report(self, report: MeasureReport) -> bool:
        """Write down what came of a condition.

        Returns:
            That it must stop here: a condition has one report.
        """
        if report.condition in self._running:
            self._running.remove(report.condition)
            self._ledger.record(_end(report))
        return True

    def lost(self, config: TaskConfig) -> None:
        """Hear that a condition's process died. Unless the study was interrupted, it is measured once more."""
        condition = condition_of(config)
        if self._interrupted or condition.key not in self._running:
            return
        if condition.key in self._lost:
            self._fail(condition.key, "the process that measured it died, twice")
            return
        self._lost.add(condition.key)
        self._running.remove(condition.key)
        self._queue.appendleft(condition)

    def overdue(self, config: TaskConfig, taken_s: float) -> bool:
        """Return whether a condition counts as hung; it has then failed."""
        key = condition_of(config).key
        if self._timeout_s is None or taken_s <= self._timeout_s or key not in self._running:
            return False
        self._fail(key, f"it was not measured within --timeout {self._timeout_s:g} seconds", taken_s)
        return True

    def _fail(self, key: str, error: str, taken_s: float = 0.0) -> None:
        self._running.remove(key)
        self._ledger.record(ConditionFailed(condition=key, error=error, wall_s=taken_s, worker=None))


def condition_of(config: Mapping[str, Any]) -> Condition:
    """Return the condition of a task."""
    return Condition.model_validate(config[CONDITION])


def _end(report: MeasureReport) -> ConditionMeasured | ConditionFailed:
    if report.figures is None:
        error = report.error or "it says no reason"
        return ConditionFailed(condition=report.condition, error=error, wall_s=report.wall_s, worker=report.worker)
    return ConditionMeasured(
        condition=report.condition, figures=dict(report.figures), wall_s=report.wall_s, worker=report.worker
    )
