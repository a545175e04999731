"""One run of a study: measure what is missing, write the report, and the end; killed anywhere, it goes on."""

import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.floor.errors import NothingMeasuredError
from ablations.floor.execution.session import StudySession
from ablations.floor.execution.worker import Work
from ablations.floor.journal import Facts, LedgerJournal
from ablations.floor.report import Report
from ablations.floor.report_files import write_report
from ablations.floor.reporting import report_of
from ablations.floor.results import Results, results_of
from ablations.floor.running.executors import executor_at
from ablations.floor.running.folder import StudyFolder, read_study
from ablations.floor.running.opening import Request, is_over, open_ledger
from ablations.floor.study import PrepareContext, Study
from ground.cache import cache_folder
from search.execution.interrupts import LEFT_AT_ONCE, Interrupts
from tracking.errors import LedgerWriteError
from tracking.events import Event
from tracking.kinds import RunStatus
from tracking.ledger import Ledger
from tracking.made_with import sessions_of
from tracking.payloads import Interrupted
from tracking.stores import destination_of_run
from tracking.study_payloads import StudyEnded, StudyStarted
from tracking.tracker import NullTracker, Tracker

_log = logging.getLogger(__name__)

GRACE_S = 5.0
"""Seconds that a study has to end in order once Ray is lost."""

Listener = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class StudyOutcome:
    """How a run of a study ended.

    Attributes:
        status: Finished, or interrupted by the user.
        report: Of what there is.
        page: The HTML page.
        in_sync: Whether MLflow holds everything; otherwise `sync_reason` says why not.
    """

    status: RunStatus
    results: Results
    report: Report
    page: Path
    in_sync: bool = True
    sync_reason: str | None = None


def report_again(study: Study[Any], path: Path) -> StudyOutcome:
    """Make the report of a study again from its ledger, which is only read.

    Raises:
        AblationError: There is no such study in the folder, or the folder cannot be written.
        TrackingError: The ledger is damaged.
    """
    folder = StudyFolder(path.absolute())
    events, options = read_study(folder, study)
    results = results_of(study.conditions(options), events)
    report = report_of(study, options, results, folder.artifacts, sessions_of(events))
    return StudyOutcome(RunStatus.FINISHED, results, report, write_report(report, folder.path))


class StudyRun:
    """A study in its folder: begun there, or gone on with. What its ledger holds is not measured again."""

    def __init__(self, request: Request) -> None:
        """Check all that can be refused before anything is begun.

        Raises:
            AblationError: This cannot be measured.
            TrackingUriError: It cannot be mirrored there.
        """
        self._request = request
        self._conditions = request.study.conditions(request.options)
        if not self._conditions:
            raise NothingMeasuredError("These options leave no condition to be measured: name at least one level each.")
        self._interrupts = Interrupts()
        self._ending = threading.Lock()
        request.place.destination()
        request.study.check(request.options)

    def execute(self, listen: Listener = lambda _: None, say: Callable[[str], None] = lambda _: None) -> StudyOutcome:
        """Measure what is missing, to the end or to the user's interrupt, and write the report of what there is.

        Args:
            listen: Hears of each event once it is on the disk.
            say: Shows a line of the study's preparation to the user.

        Raises:
            NothingMeasuredError: Every condition failed.
            AblationError: The folder holds something else.
            TrackingError: The ledger is damaged, or another process writes it.
        """
        with open_ledger(self._request) as ledger:
            tracker = self._tracker(ledger)
            try:
                for event in ledger.events:
                    tracker.feed(event)
                ledger.subscribe(tracker.feed)
                ledger.subscribe(_quiet(listen))
                with self._interrupts.installed():
                    return self._to_the_end(ledger, tracker, say)
            finally:
                tracker.close()

    def _to_the_end(self, ledger: Ledger, tracker: Tracker, say: Callable[[str], None]) -> StudyOutcome:
        retry = self._request.retry_failed
        over = is_over(ledger.events, retry_failed=retry)
        session = StudySession(self._conditions, ledger, retry_failed=retry, timeout_s=self._request.place.timeout)
        try:
            if session.pending:
                self._measure(session, ledger, self._prepare(ledger, say))
            before = len(ledger.events)
            self._conclude(ledger, say)
            over = over and len(ledger.events) == before
            status = RunStatus.FINISHED
        except BaseException as error:
            if not self._is_interrupt(error):
                _record_failure(ledger, session.results(), error)
                raise
            ledger.record(Interrupted(reason=self._interrupts.reason or "KeyboardInterrupt"))
            status = RunStatus.INTERRUPTED
        return self._end(ledger, tracker, status, recorded=over)

    def _measure(self, session: StudySession, ledger: Ledger, prepared: Mapping[str, Facts]) -> None:
        request = self._request
        threads = request.place.threads
        work = Work(request.study, request.options, cache_folder(), request.folder.artifacts, threads, prepared)
        executor = executor_at(request.place, request.folder.ray, session.pending)
        try:
            with executor.ready(), executor.watched(lambda what: self._lose(ledger, session, what)):
                self._interrupts.reinstall()
                self._interrupts.check()
                executor.run(session, work, self._interrupts)
        finally:
            shutil.rmtree(request.folder.ray, ignore_errors=True)

    def _prepare(self, ledger: Ledger, say: Callable[[str], None]) -> Mapping[str, Facts]:
        """Let the study prepare, and return all that it has prepared."""
        request, journal = self._request, LedgerJournal(ledger)
        context = self._context(say)
        with self._interrupts.flagged(lambda: None):
            request.study.prepare(request.options, journal, context)
        self._interrupts.check()
        return journal.entries()

    def _conclude(self, ledger: Ledger, say: Callable[[str], None]) -> None:
        """Let the study conclude from what was measured, if anything was."""
        request = self._request
        if type(request.study).conclude is Study.conclude:
            return
        results = results_of(self._conditions, ledger.events)
        if results.measured:
            report = self._report(results, ledger)
            with self._interrupts.flagged(lambda: None):
                request.study.conclude(request.options, report, LedgerJournal(ledger), self._context(say))
            self._interrupts.check()

    def _context(self, say: Callable[[str], None]) -> PrepareContext:
        request = self._request
        request.folder.prepared.mkdir(parents=True, exist_ok=True)
        return PrepareContext(
            cache_folder(),
            request.folder.prepared,
            self._interrupts.check,
            say,
            request.retry_failed,
            request.place.threads,
        )

    def _is_interrupt(self, error: BaseException) -> bool:
        """Whether a signal is the cause: what a process that dies with us raises is none of its own."""
        return isinstance(error, KeyboardInterrupt) or (
            self._interrupts.reason is not None and isinstance(error, Exception)
        )

    def _lose(self, ledger: Ledger, session: StudySession, what: str) -> None:
        """Interrupt the study, for what it needs is gone; leave if the main thread waits for that and never returns."""
        self._interrupts.lose(f"Ray was lost: {what}")
        time.sleep(GRACE_S)
        if not self._ending.acquire(blocking=False):
            return
        ledger.record(Interrupted(reason=self._interrupts.reason or what))
        ledger.record(_ended(RunStatus.INTERRUPTED, session.results()))
        sys.stderr.write(f"\nInterrupted: {what}. All that was measured is kept. Go on with the same command.\n")
        sys.stderr.flush()
        os._exit(LEFT_AT_ONCE)

    def _end(self, ledger: Ledger, tracker: Tracker, status: RunStatus, *, recorded: bool) -> StudyOutcome:
        """Write the report, then the end; a first signal ends nothing here, for the study is ending."""
        self._ending.acquire()
        with self._interrupts.flagged(lambda: None):
            results = results_of(self._conditions, ledger.events)
            report = self._report(results, ledger)
            page = write_report(report, self._request.folder.path)
            if status is RunStatus.FINISHED and not results.measured:
                nothing = _nothing_measured(results)
                ledger.record(_ended(RunStatus.FAILED, results, str(nothing)))
                raise nothing
            if not recorded:
                ledger.record(_ended(status, results))
            state = tracker.close()
        return StudyOutcome(status, results, report, page, state.in_sync, state.reason)

    def _report(self, results: Results, ledger: Ledger) -> Report:
        request = self._request
        sessions = sessions_of(ledger.events)
        return report_of(request.study, request.options, results, request.folder.artifacts, sessions)

    def _tracker(self, ledger: Ledger) -> Tracker:
        started = ledger.events[0].payload
        assert isinstance(started, StudyStarted), "the study has begun"
        if not (self._request.place.mlflow and started.mlflow):
            return NullTracker()
        from tracking.mirror.mlflow_view import MlflowMirror

        stated = started.model_dump(include={"tracking_uri", "experiment", "mlflow"})
        destination = destination_of_run(self._request.folder.run, stated)
        return MlflowMirror(self._request.folder.run, destination.uri, destination.experiment)


def _quiet(listen: Listener) -> Listener:
    """Keep the errors of a listener from the ledger: what shows a study to a person can never end it."""

    def quietly(event: Event) -> None:
        try:
            listen(event)
        except Exception:  # noqa: BLE001  a boundary: nothing that watches a study belongs to it
            _log.exception("a listener of the study failed; the study goes on")

    return quietly


def _nothing_measured(results: Results) -> NothingMeasuredError:
    return NothingMeasuredError(
        f"None of the {len(results.outcomes)} conditions could be measured; the first says: "
        f"{results.failed[0].error}. Once the cause is fixed, run the same command with --retry-failed."
    )


def _ended(status: RunStatus, results: Results, error: str | None = None) -> StudyEnded:
    return StudyEnded(status=status, measured=len(results.measured), failed=len(results.failed), error=error)


def _record_failure(ledger: Ledger, results: Results, error: BaseException) -> None:
    """Record what ended the study. A disk that takes no event must not hide it."""
    try:
        ledger.record(_ended(RunStatus.FAILED, results, f"{type(error).__name__}: {error}"))
    except LedgerWriteError as unwritten:
        if error is not unwritten:
            error.add_note(str(unwritten))
