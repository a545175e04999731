"""The live mirror of a run in MLflow, written by a thread: a search neither waits for MLflow nor fails with it."""

import logging
import threading
import time
from collections.abc import Mapping

from tracking.errors import TrackingError
from tracking.events import Event
from tracking.making import Making
from tracking.mirror.mlflow_writer import MlflowWriter, mirror_lock, open_writer
from tracking.runs import RunDir
from tracking.tracker import Tracker, TrackingState, describe_missing
from tracking.uris import located_uri, without_password

_log = logging.getLogger(__name__)
_FILL_S = 300.0
"""Seconds until what MLflow refused is tried again."""
_GATHER_S = 1.0
"""Seconds for which events are collected before they are written, so that the events of a trial need few calls."""


class MlflowMirror(Tracker):
    """Keeps an MLflow parent run, its trials and its fine-tune in sync with the events that it is fed.

    The constructor returns at once: MLflow is imported, reached and initialised in the thread. If MLflow fails, the
    events are kept and tried again (after `retry_s`, at a flush, and at the close). What it refuses of them blocks
    nothing else, and is tried again later and at the close. What is missing after that is left to `sync`.
    """

    def __init__(
        self, run: RunDir, tracking_uri: str, experiment: str, *, making: Making | None = None, retry_s: float = 30.0
    ) -> None:
        """Start the thread.

        Args:
            run: The folder of the run.
            tracking_uri: The address of the MLflow store.
            experiment: The name of the experiment; it is created if it does not exist.
            making: Makes descriptions and models; without it there are none.
            retry_s: Seconds to wait after a failure before the next attempt.

        Raises:
            TrackingUriError: The address is not supported. Nothing else is ever raised.
        """
        self._run, self._uri, self._experiment = run, located_uri(tracking_uri), experiment
        self._making, self._retry_s = making, retry_s
        self._wake = threading.Condition()
        self._events: list[Event] = []
        self._written = 0
        self._failures = 0
        self._reason: str | None = None
        self._due = 0.0
        self._missing: Mapping[str, str] = {}
        self._fill_due = 0.0
        self._hurry = False
        self._closing = False
        self._writer: MlflowWriter | None = None
        self._ids: tuple[str, str | None] | None = None
        self._thread = threading.Thread(target=self._work, name="mlflow-mirror", daemon=True)
        self._thread.start()

    def feed(self, event: Event) -> None:
        """Hand the event to the thread."""
        with self._wake:
            if not self._events or event.seq > self._events[-1].seq:
                self._events.append(event)
                self._wake.notify_all()

    def flush(self, timeout_s: float = 30.0) -> TrackingState:
        """Wait for the thread to write all events, or for the first failure."""
        with self._wake:
            failures, goal = self._failures, len(self._events)
            self._hurry = True
            self._wake.notify_all()
            self._wake.wait_for(
                lambda: self._written >= goal or self._failures > failures or not self._thread.is_alive(), timeout_s
            )
            return self._state()

    def close(self, timeout_s: float = 60.0) -> TrackingState:
        """Let the thread make a last attempt, and save the state to the run's folder."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._thread.join(timeout_s)
        with self._wake:
            if self._thread.is_alive():
                self._reason = f"MLflow had not received everything {timeout_s:g} s after the run's end"
            state = self._state()
        _save(state, self._run)
        return state

    def _work(self) -> None:
        """Run the thread: one attempt after another, until one was made after the close."""
        lock = None
        closing = False
        while not closing:
            closing = self._wait()
            try:
                lock = lock or mirror_lock(self._run)
                self._attempt(upload=closing)
            except Exception as error:  # noqa: BLE001 - the boundary of a thread: recorded, and sync catches up
                self._failed(error)
        if lock is not None:
            lock.release()

    def _wait(self) -> bool:
        """Sleep until there is something to write or the mirror is closed; return whether it is closed."""
        with self._wake:
            while not self._closing:
                due = self._next()
                rest = None if due is None else due - time.monotonic()
                if rest is not None and rest <= 0:
                    break
                self._wake.wait(rest)
            self._hurry = False  # the attempt that starts now covers all events that were there at the flush
            return self._closing

    def _next(self) -> float | None:
        """Return when the next attempt is due; None if there is nothing to write."""
        moments = [0.0 if self._hurry else self._due] if len(self._events) > self._written else []
        if self._missing:
            moments.append(self._fill_due)
        return min(moments, default=None)

    def _attempt(self, *, upload: bool) -> None:
        with self._wake:
            events = tuple(self._events)
        if not events:
            return
        if self._missing and (upload or time.monotonic() >= self._fill_due):
            self._writer = None  # a new one tries again what this one has given up
        writer = self._writer or open_writer(events, self._uri, self._experiment, self._making)
        self._writer = writer
        writer.apply(events)
        if upload:
            writer.upload(self._run.path)
        self._report_missing(writer.missing)
        with self._wake:
            self._ids = (writer.experiment_id, writer.mlflow_run_id)
            self._written = len(events)
            self._reason = None
            self._due = time.monotonic() + _GATHER_S
            self._wake.notify_all()

    def _report_missing(self, missing: Mapping[str, str]) -> None:
        """Keep what MLflow refused; a warning is logged once for each kind."""
        for kind in missing.keys() - self._missing.keys():
            _log.warning("MLflow refused %s: %s. Everything else goes on, and sync catches up", kind, missing[kind])
        with self._wake:
            if missing and time.monotonic() >= self._fill_due:
                self._fill_due = time.monotonic() + _FILL_S
            self._missing = dict(missing)

    def _failed(self, error: Exception) -> None:
        """Record a failure, and use a new writer next time: it looks up what this one may have created unnoticed."""
        known = isinstance(error, TrackingError)
        reason = str(error) if known else f"{type(error).__name__}: {error}"
        level = logging.DEBUG if reason == self._reason else logging.WARNING
        _log.log(level, "MLflow is out of sync: %s", reason, exc_info=None if known else error)
        with self._wake:
            self._writer = None
            self._reason = reason
            self._failures += 1
            self._due = time.monotonic() + self._retry_s
            _save(self._state(), self._run)  # before waking a waiting flush, whose caller may read the file
            self._wake.notify_all()

    def _state(self) -> TrackingState:
        missing = len(self._events) - self._written
        late = f"{missing} events are not written yet" if missing else None
        reason = self._reason or late or describe_missing(self._missing)
        experiment_id, run_id = self._ids or (None, None)
        return TrackingState(
            in_sync=reason is None,
            synced_seq=self._events[self._written - 1].seq if self._written else 0,
            reason=reason,
            tracking_uri=without_password(self._uri),
            experiment=self._experiment,
            experiment_id=experiment_id,
            run_id=run_id,
            missing=self._missing,
        )


def _save(state: TrackingState, run: RunDir) -> None:
    try:
        state.save(run.path)
    except OSError as error:
        _log.warning("The state of the MLflow mirror could not be written to %s: %s", run.path, error)
