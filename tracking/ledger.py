"""The append-only ledger: an event is on the disk before anything acts on it.

One JSON object a line: ``{"seq": 7, "time": "2026-11-21T10:42:33.123456Z", "kind": "rung", ...payload}``. The line is
written whole by one ``write`` and fsynced before :meth:`Ledger.append` returns, so after a crash the file holds every
acknowledged event and at most one torn line behind them.
"""

import json
import os
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from ground.problems import describe_problems
from tracking.clock import time_text, utc_now
from tracking.errors import LedgerExistsError, LedgerMissingError, LedgerWriteError, PayloadError
from tracking.events import Event
from tracking.kinds import EventKind
from tracking.locks import ExclusiveLock
from tracking.payloads import PAYLOADS, Payload
from tracking.reader import read_ledger

Listener = Callable[[Event], None]


class Ledger:
    """The one writer of a ledger file. Any thread may append; the lock keeps other processes out.

    Made by :meth:`create` or :meth:`open`, closed by :meth:`close` or a ``with`` block.
    """

    def __init__(
        self, path: Path, lock: ExclusiveLock, descriptor: int, events: tuple[Event, ...], clock: Callable[[], datetime]
    ) -> None:
        self.path = path
        self._lock = lock
        self._descriptor: int | None = descriptor
        self._events = list(events)
        self._clock = clock
        self._mutex = threading.RLock()
        self._listeners: list[Listener] = []
        self._broken: str | None = None

    @classmethod
    def create(cls, path: Path, *, clock: Callable[[], datetime] = utc_now) -> Self:
        """Start an empty ledger; its entry in the folder is fsynced too.

        Raises:
            LedgerExistsError: there is one at ``path``.
            LockedError: another process is starting one at ``path``.
            OSError: the folder cannot be written.
        """
        lock = ExclusiveLock(lock_path(path), guards=path)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except FileExistsError as error:
            lock.release()
            raise LedgerExistsError(str(path)) from error
        except OSError:
            lock.release()
            raise
        fsync_folder(path.parent)
        return cls(path, lock, descriptor, (), clock)

    @classmethod
    def open(cls, path: Path, *, clock: Callable[[], datetime] = utc_now) -> Self:
        """Go on with a ledger, after reading and checking every event in it.

        Raises:
            LedgerMissingError, HalfWrittenLedgerError, CorruptLedgerError: as :func:`read_ledger`.
            LockedError: another process is writing it.
        """
        if not path.is_file():
            raise LedgerMissingError(str(path))
        lock = ExclusiveLock(lock_path(path), guards=path)
        try:
            events = read_ledger(path)
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            # A line that its writer was killed before fsyncing may be in memory only: settle it, we act on it now.
            os.fsync(descriptor)
        except BaseException:
            lock.release()
            raise
        return cls(path, lock, descriptor, events, clock)

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event so far, those of earlier sessions included."""
        with self._mutex:
            return tuple(self._events)

    def subscribe(self, listener: Listener) -> None:
        """Call ``listener`` with each event to come, in order, once it is on the disk; it must be quick, not raise."""
        with self._mutex:
            self._listeners.append(listener)

    def append(self, kind: EventKind, /, **payload: object) -> Event:
        """Write one event from its fields; see :meth:`record`. Raises PayloadError when they do not fit the kind."""
        try:
            value = PAYLOADS[kind].model_validate(payload)
        except ValidationError as error:
            raise PayloadError(kind.value, describe_problems(error, "the event", received=True)) from error
        return self.record(value)

    def record(self, payload: Payload) -> Event:
        """Write one event and return it when it is on the disk.

        Raises:
            LedgerWriteError: the disk refused it, or an earlier one, or the ledger is closed.
        """
        with self._mutex:
            event = Event(len(self._events) + 1, self._clock(), payload)
            self._write(event)
            self._events.append(event)
            for listener in self._listeners:
                listener(event)
            return event

    def close(self) -> None:
        """Free the lock; a second call does nothing."""
        with self._mutex:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, event: Event) -> None:
        if self._descriptor is None or self._broken is not None:
            raise LedgerWriteError(str(self.path), event.seq, self._broken or "the ledger is closed")
        line = encode(event)
        size = os.fstat(self._descriptor).st_size
        try:
            written = os.write(self._descriptor, line)
            if written != len(line):
                raise OSError(f"only {written} of {len(line)} bytes fitted")
            os.fsync(self._descriptor)
        except OSError as error:
            self._break(size, error)
            raise LedgerWriteError(str(self.path), event.seq, str(error)) from error

    def _break(self, size: int, error: OSError) -> None:
        """Take the unacknowledged line back if the disk lets us, and refuse all others: after a failed fsync the
        kernel may have dropped pages, so a later success would prove nothing."""
        self._broken = f"an earlier write failed ({error})"
        assert self._descriptor is not None
        try:
            os.ftruncate(self._descriptor, size)
        except OSError as second:
            self._broken += f", and its torn line could not be taken back ({second})"


def encode(event: Event) -> bytes:
    """The line of an event, newline included: ASCII only, so that no byte of it is a stray line end."""
    fields = event.payload.model_dump(mode="json", by_alias=True)
    whole = {"seq": event.seq, "time": time_text(event.time), "kind": event.kind.value, **fields}
    return json.dumps(whole, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def fsync_folder(folder: Path) -> None:
    """Make the entries of a folder durable: fsync of a new file does not cover its name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock_path(path: Path) -> Path:
    """The file that a ledger's writer holds locked."""
    return path.with_name(path.name + ".lock")
