"""The mirror of a run in MLflow, written by its own thread: a search neither waits for MLflow nor fails with it."""

import logging
import threading
import time

from tracking.errors import TrackingError
from tracking.events import Event
from tracking.mirror.mlflow_writer import MlflowWriter, mirror_lock, open_writer
from tracking.runs import RunDir
from tracking.tracker import Tracker, TrackingState
from tracking.uris import absolute_uri, without_password

_log = logging.getLogger(__name__)
_GATHER_S = 1.0
"""How long events are gathered before they are written: a trial's few events then cost few calls."""


class MlflowMirror(Tracker):
    """Keeps an MLflow parent run, its trials and its fine-tune in step with what it is fed.

    Returns at once: MLflow is imported, reached and initialised in the thread. When MLflow fails, the events wait and
    are tried again (after ``retry_s``, at a flush, and at the close); what is not in by then is left to ``sync``.

    Raises:
        TrackingUriError: the address is of no kind that could work. Nothing else is ever raised.
    """

    def __init__(self, run: RunDir, tracking_uri: str, experiment: str, *, retry_s: float = 30.0) -> None:
        self._run, self._uri, self._experiment = run, absolute_uri(tracking_uri), experiment
        self._retry_s = retry_s
        self._wake = threading.Condition()
        self._events: list[Event] = []
        self._written = 0
        self._failures = 0
        self._reason: str | None = None
        self._due = 0.0
        self._hurry = False
        self._closing = False
        self._writer: MlflowWriter | None = None
        self._ids: tuple[str, str | None] | None = None
        self._thread = threading.Thread(target=self._work, name="mlflow-mirror", daemon=True)
        self._thread.start()

    def feed(self, event: Event) -> None:
        with self._wake:
            if not self._events or event.seq > self._events[-1].seq:
                self._events.append(event)
                self._wake.notify_all()

    def flush(self, timeout_s: float = 30.0) -> TrackingState:
        with self._wake:
            failures, goal = self._failures, len(self._events)
            self._hurry = True
            self._wake.notify_all()
            self._wake.wait_for(
                lambda: self._written >= goal or self._failures > failures or not self._thread.is_alive(), timeout_s
            )
            return self._state()

    def close(self, timeout_s: float = 60.0) -> TrackingState:
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._thread.join(timeout_s)
        with self._wake:
            if self._thread.is_alive():
                self._reason = f"MLflow had not taken everything {timeout_s:g} s after the run's end"
            state = self._state()
        _save(state, self._run)
        return state

    def _work(self) -> None:
        """The thread: one attempt after the other, until one has been made after the close."""
        lock = None
        closing = False
        while not closing:
            closing = self._wait()
            try:
                lock = lock or mirror_lock(self._run)
                self._attempt(upload=closing)
            except Exception as error:  # noqa: BLE001 - the border of a thread: recorded, and sync catches up
                self._failed(error)
        if lock is not None:
            lock.release()

    def _wait(self) -> bool:
        """Sleep until there is something to do; says whether it is the last thing."""
        with self._wake:
            while not self._closing:
                pending = len(self._events) > self._written
                rest = 0.0 if self._hurry else self._due - time.monotonic()
                if pending and rest <= 0:
                    break
                self._wake.wait(rest if pending else None)
            self._hurry = False  # what is attempted now takes in all that was there when the flush was asked for
            return self._closing

    def _attempt(self, *, upload: bool) -> None:
        with self._wake:
            events = tuple(self._events)
        if not events:
            return
        writer = self._writer or open_writer(events, self._uri, self._experiment)
        self._writer = writer
        writer.apply(events)
        if upload:
            writer.upload(self._run.path)
        with self._wake:
            self._ids = (writer.experiment_id, writer.mlflow_run_id)
            self._written = len(events)
            self._reason = None
            self._due = time.monotonic() + _GATHER_S
            self._wake.notify_all()

    def _failed(self, error: Exception) -> None:
        """A new writer next time: it looks up afresh what this one may have made without hearing of it."""
        known = isinstance(error, TrackingError)
        reason = str(error) if known else f"{type(error).__name__}: {error}"
        level = logging.DEBUG if reason == self._reason else logging.WARNING
        _log.log(level, "MLflow is out of sync: %s", reason, exc_info=None if known else error)
        with self._wake:
            self._writer = None
            self._reason = reason
            self._failures += 1
            self._due = time.monotonic() + self._retry_s
            _save(self._state(), self._run)  # before anybody is told: who was told may look
            self._wake.notify_all()

    def _state(self) -> TrackingState:
        missing = len(self._events) - self._written
        reason = self._reason or (f"{missing} events are still on their way" if missing else None)
        experiment_id, run_id = self._ids or (None, None)
        return TrackingState(
            in_sync=reason is None,
            synced_seq=self._events[self._written - 1].seq if self._written else 0,
            reason=reason,
            tracking_uri=without_password(self._uri),
            experiment=self._experiment,
            experiment_id=experiment_id,
            run_id=run_id,
        )


def _save(state: TrackingState, run: RunDir) -> None:
    try:
        state.save(run.path)
    except OSError as error:
        _log.warning("the state of MLflow could not be written to %s: %s", run.path, error)
