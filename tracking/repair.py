"""Cuts an incomplete last line off a ledger, and keeps its bytes in a file beside it."""

import os
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from ground.files import fsync
from tracking.errors import CorruptLedgerError, LedgerMissingError
from tracking.ledger import lock_path
from tracking.locks import ExclusiveLock
from tracking.reader import decode_lines, split_ledger


@dataclass(frozen=True, slots=True)
class Repair:
    """The outcome of a repair.

    Attributes:
        events: Number of events that the ledger now contains.
        cut: Number of bytes that were cut; 0 if the ledger was intact, or if its last event lacked only its newline.
        completed: Whether the last event was kept because it lacked only its newline.
        copy: The file with the bytes that were cut; None if there were none.
    """

    events: int
    cut: int
    completed: bool
    copy: Path | None


def repair(path: Path) -> Repair:
    """Make a half-written ledger readable again; an intact one is left unchanged.

    Raises:
        CorruptLedgerError: An earlier line is damaged. Nothing is changed.
        LedgerMissingError: There is no such file.
        LockedError: Another process is writing it.
    """
    if not path.is_file():
        raise LedgerMissingError(str(path))
    with ExclusiveLock(lock_path(path), guards=path):
        whole, torn = split_ledger(path)
        decode_lines(path, whole)
        if not torn:
            return Repair(len(whole), 0, False, None)
        if _is_whole(path, [*whole, torn]):
            _write(path, b"\n", os.O_APPEND)
            return Repair(len(whole) + 1, 0, True, None)
        copy = _keep(path, len(whole) + 1, torn)
        _cut(path, len(torn))
        return Repair(len(whole), len(torn), False, copy)


def _is_whole(path: Path, lines: list[bytes]) -> bool:
    """Whether the last line lacks only its newline: it is then a valid event, and must not be cut."""
    try:
        decode_lines(path, lines)
    except CorruptLedgerError:
        return False
    return True


def _keep(path: Path, line: int, torn: bytes) -> Path:
    """Write the incomplete line durably to a new file beside the ledger, and return its path."""
    names = (path.with_name(f"{path.name}.torn-{line}" + (f"-{n}" if n > 1 else "")) for n in count(1))
    copy = next(name for name in names if not name.exists())
    _write(copy, torn, os.O_CREAT | os.O_EXCL)
    fsync(path.parent)
    return copy


def _write(path: Path, content: bytes, flags: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | flags, 0o644)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cut(path: Path, length: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - length)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
