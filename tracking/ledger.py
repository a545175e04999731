"""Writes the append-only ledger: an event is on the disk before anything acts on it.

One JSON object per line: `{"seq": 7, "time": "2026-11-21T10:42:33.123456Z", "kind": "rung", ...payload}`. Each line is
written by one `write` and fsynced before `Ledger.append` returns. After a crash the file therefore contains every
acknowledged event, followed by at most one incomplete line.

The lines are written by a thread of the ledger's own (`tracking.writing`). Python runs the handlers of signals in the
main thread only, so a handler that raises can interrupt the wait for an event, but never divide the write of a line
from the memory of it.
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

from ground.files import fsync
from ground.problems import describe_problems
from tracking.chain import START, follow, with_digest
from tracking.clock import format_time, utc_now
from tracking.errors import LedgerExistsError, LedgerMissingError, LedgerWriteError, PayloadError
from tracking.events import Event
from tracking.kinds import EventKind
from tracking.locks import ExclusiveLock
from tracking.payload_classes import PAYLOADS
from tracking.payloads import Payload
from tracking.reader import read_chained
from tracking.writing import Writing

Listener = Callable[[Event], None]
_STRIKES = 8
"""How many times in a row something may be raised inside a write or an fsync before it counts as a fault."""


class Ledger:
    """The only writer of a ledger file.

    Any thread may append. A lock file keeps other processes out. Construct it with `create` or `open`; close it with
    `close` or a `with` block.
    """

    def __init__(
        self,
        path: Path,
        lock: ExclusiveLock,
        descriptor: int,
        events: tuple[Event, ...],
        clock: Callable[[], datetime],
        chain: str = START,
    ) -> None:
        self.path = path
        self._lock = lock
        self._descriptor: int | None = descriptor
        self._events = list(events)
        self._clock = clock
        self._mutex = threading.RLock()
        self._listeners: list[Listener] = []
        self._broken: str | None = None
        self._writing = Writing()
        self._chain = chain

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
        fsync(path.parent)
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
            events, chain = read_chained(path)
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            # The last writer may have been killed before its fsync, leaving a line only in the page cache. We act on
            # that line from here on, so make it durable first.
            os.fsync(descriptor)
        except BaseException:
            lock.release()
            raise
        return cls(path, lock, descriptor, events, clock, chain)

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

        A signal whose handler raises may end the wait. The event is then written all the same, and known to the ledger.

        Raises:
            LedgerWriteError: The event or an earlier one could not be written, or the ledger is closed.
        """
        return self._writing.do(lambda: self._record(payload))

    def close(self) -> None:
        """Close the file and release the lock once every event is written; a second call does nothing."""
        self._writing.do(self._close)
        self._writing.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _record(self, payload: Payload) -> Event:
        with self._mutex:
            event = Event(len(self._events) + 1, self._clock(), payload)
            struck = self._write(event)
            self._events.append(event)
            for listener in self._listeners:
                listener(event)
        if struck is not None:
            raise struck
        return event

    def _close(self) -> None:
        with self._mutex:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
                self._lock.release()

    def _write(self, event: Event) -> BaseException | None:
        """Write a line and fsync it.

        Returns:
            What was raised meanwhile and is no fault of the disk, such as a KeyboardInterrupt. The line is written.
        """
        if self._descriptor is None or self._broken is not None:
            raise LedgerWriteError(str(self.path), event.seq, self._broken or "the ledger is closed")
        line = encode(event, self._chain)
        size = os.fstat(self._descriptor).st_size
        struck: BaseException | None = None
        try:
            struck = self._put(size, line)
            struck = self._sync() or struck
        except OSError as error:
            self._break(size, error)
            raise LedgerWriteError(str(self.path), event.seq, str(error)) from error
        self._chain = follow(self._chain, line.removesuffix(b"\n"))
        return struck

    def _put(self, size: int, line: bytes) -> BaseException | None:
        """Write a line behind the first `size` bytes; what is raised meanwhile is returned, as by `_sync`."""
        assert self._descriptor is not None
        struck: BaseException | None = None
        for _ in range(_STRIKES):
            # What was raised may have come before the write or after it: the file says how much is there.
            missing = size + len(line) - os.fstat(self._descriptor).st_size
            if missing <= 0:
                return struck
            try:
                written = os.write(self._descriptor, line[-missing:])
            except OSError:
                raise
            except BaseException as error:  # noqa: BLE001  raised again, once the line is whole
                struck = error
                continue
            if written != missing:
                raise OSError(f"only {written} of {missing} bytes were written")
            return struck
        raise OSError(f"no write was let through ({struck!r})")

    def _sync(self) -> BaseException | None:
        """Fsync the file; what is raised meanwhile and is no fault of the disk is returned, and the fsync repeated."""
        assert self._descriptor is not None
        struck: BaseException | None = None
        for _ in range(_STRIKES):
            try:
                os.fsync(self._descriptor)
            except OSError:
                raise
            except BaseException as error:  # noqa: BLE001  raised again, once the line is durable
                struck = error
            else:
                return struck
        raise OSError(f"no fsync was let through ({struck!r})")

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


def encode(event: Event, previous: str = START) -> bytes:
    """Return the line of an event with its newline, in ASCII, so that no other byte is a line end.

    Args:
        event: The event.
        previous: The digest of the line before it; see `tracking.chain`.
    """
    fields = event.payload.model_dump(mode="json", by_alias=True)
    whole = {"seq": event.seq, "time": format_time(event.time), "kind": event.kind.value, **fields}
    line = json.dumps(whole, separators=(",", ":"), allow_nan=False).encode("ascii")
    return with_digest(previous, line) + b"\n"


def lock_path(path: Path) -> Path:
    """Return the path of the lock file of a ledger."""
    return path.with_name(path.name + ".lock")
