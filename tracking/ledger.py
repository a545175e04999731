"""Writes the append-only ledger: an event is on the disk before anything acts on it.

One JSON object per line: `{"seq": 7, "time": "2026-11-21T10:42:33.123456Z", "kind": "rung", ...payload}`. Each line is
written by one `write` and fsynced before `Ledger.append` returns. After a crash the file therefore contains every
acknowledged event, followed by at most one incomplete line.
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
from tracking.clock import format_time, utc_now
from tracking.errors import LedgerExistsError, LedgerMissingError, LedgerWriteError, PayloadError
from tracking.events import Event
from tracking.kinds import EventKind
from tracking.locks import ExclusiveLock
from tracking.payloads import PAYLOADS, Payload
from tracking.reader import read_ledger

Listener = Callable[[Event], None]


class Ledger:
    """The only writer of a ledger file.

    Any thread may append. A lock file keeps other processes out. Construct it with `create` or `open`; close it with
    `close` or a `with` block.
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
        """Start an empty ledger, and fsync its entry in the folder too.

        Args:
            path: Where the file is created.
            clock: Returns the time of each event.

        Raises:
            LedgerExistsError: `path` already exists.
            LockedError: Another process is starting a ledger at `path`.
            OSError: The folder cannot be written.
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
        """Continue an existing ledger, after reading and checking every event in it.

        Args:
            path: The ledger file.
            clock: Returns the time of each new event.

        Raises:
            LedgerMissingError: There is no such file.
            HalfWrittenLedgerError: The last line is incomplete; `repair` cuts it.
            CorruptLedgerError: Another line is not an event, or is out of order.
            LockedError: Another process is writing it.
        """
        if not path.is_file():
            raise LedgerMissingError(str(path))
        lock = ExclusiveLock(lock_path(path), guards=path)
        try:
            events = read_ledger(path)
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            # The last writer may have been killed before its fsync, leaving a line only in the page cache. We act on
            # that line from here on, so make it durable first.
            os.fsync(descriptor)
        except BaseException:
            lock.release()
            raise
        return cls(path, lock, descriptor, events, clock)

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event so far, including those of earlier sessions."""
        with self._mutex:
            return tuple(self._events)

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` with each future event, in order, once it is on the disk.

        Args:
            listener: Called while the ledger is locked, so it must return quickly and must not raise.
        """
        with self._mutex:
            self._listeners.append(listener)

    def append(self, kind: EventKind, /, **payload: object) -> Event:
        """Validate the fields of one event, then `record` it.

        Args:
            kind: The kind of the event.
            **payload: The fields of that kind.

        Raises:
            PayloadError: The fields do not fit the kind; nothing was written.
            LedgerWriteError: As for `record`.
        """
        try:
            value = PAYLOADS[kind].model_validate(payload)
        except ValidationError as error:
            raise PayloadError(kind.value, describe_problems(error, "the event", received=True)) from error
        return self.record(value)

    def record(self, payload: Payload) -> Event:
        """Write one event, and return it once it is on the disk.

        Raises:
            LedgerWriteError: The event or an earlier one could not be written, or the ledger is closed.
        """
        with self._mutex:
            event = Event(len(self._events) + 1, self._clock(), payload)
            self._write(event)
            self._events.append(event)
            for listener in self._listeners:
                listener(event)
            return event

    def close(self) -> None:
        """Close the file and release the lock; a second call does nothing."""
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
                raise OSError(f"only {written} of {len(line)} bytes were written")
            os.fsync(self._descriptor)
        except OSError as error:
            self._break(size, error)
            raise LedgerWriteError(str(self.path), event.seq, str(error)) from error

    def _break(self, size: int, cause: OSError) -> None:
        """Remove the unacknowledged line if possible, and refuse all further events.

        After a failed fsync the kernel may have dropped pages, so the success of a later one would prove nothing.
        """
        self._broken = f"an earlier write failed ({cause})"
        assert self._descriptor is not None
        try:
            os.ftruncate(self._descriptor, size)
        except OSError as error:
            self._broken += f", and its incomplete line could not be removed ({error})"


def encode(event: Event) -> bytes:
    """Return the line of an event with its newline, in ASCII, so that no other byte is a line end."""
    fields = event.payload.model_dump(mode="json", by_alias=True)
    whole = {"seq": event.seq, "time": format_time(event.time), "kind": event.kind.value, **fields}
    return json.dumps(whole, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def fsync_folder(folder: Path) -> None:
    """Make the entries of a folder durable, because the fsync of a new file does not cover its name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock_path(path: Path) -> Path:
    """Return the path of the lock file of a ledger."""
    return path.with_name(path.name + ".lock")
