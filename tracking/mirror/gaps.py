"""What MLflow refused of a run, by kind of operation, so that one kind that fails blocks no other."""

import socket
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

_GIVE_UP = 3
"""Refusals in a row after which a kind is left alone until the next attempt."""
_COLLISIONS = ("UNIQUE constraint failed", "duplicate key value", "Duplicate entry")
"""What SQLite, PostgreSQL and MySQL say of a row that is there already."""
_UNUSABLE = frozenset(
    {
        *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR),
        *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB),
    }
)
"""SQLite's errors that concern the file and not what was written."""


class Kind(StrEnum):
    """The kinds of operation that a server may refuse one by one."""

    RUNS = "runs"
    METRICS = "metrics"
    PARAMS = "params"
    TAGS = "tags"
    DATASETS = "datasets"
    ARTIFACTS = "artifacts"
    TRACES = "traces"
    MODELS = "models"

    @property
    def in_store(self) -> bool:
        """Whether it is written to the store itself; artifacts, traces and models may lie elsewhere."""
        return self not in (Kind.ARTIFACTS, Kind.TRACES, Kind.MODELS)


@dataclass(frozen=True, slots=True)
class Gap:
    """What is missing of one kind.

    Attributes:
        since: Number of the first event of which something may be missing.
        reason: The first refusal: what was refused, and why.
    """

    since: int
    reason: str


class Gaps:
    """The gaps of one attempt."""

    def __init__(self) -> None:
        self._gaps: dict[Kind, Gap] = {}
        self._in_a_row: dict[Kind, int] = {}

    def is_given_up(self, kind: Kind) -> bool:
        """Whether this kind was refused too often to be tried again in this attempt."""
        return self._in_a_row.get(kind, 0) >= _GIVE_UP

    def refused(self, kind: Kind, since: int, reason: str, *, for_good: bool = False) -> None:
        """Record a refusal.

        Args:
            kind: What was refused.
            since: Number of the event, or of an earlier one.
            reason: What was refused, and why.
            for_good: Give the kind up at once, because every refusal takes long.
        """
        self.skipped(kind, since, reason)
        self._in_a_row[kind] = _GIVE_UP if for_good else self._in_a_row.get(kind, 0) + 1

    def skipped(self, kind: Kind, since: int, reason: str) -> None:
        """Record what was not tried."""
        known = self._gaps.get(kind)
        self._gaps[kind] = Gap(since, reason) if known is None else Gap(min(known.since, since), known.reason)

    def accepted(self, kind: Kind) -> None:
        """Record that an operation of this kind succeeded."""
        self._in_a_row[kind] = 0

    @property
    def since(self) -> Mapping[str, int]:
        """The first event of which something is missing, by kind."""
        return {kind.value: gap.since for kind, gap in sorted(self._gaps.items())}

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why something is missing, by kind."""
        return {kind.value: gap.reason for kind, gap in sorted(self._gaps.items())}


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what caused it."""
    at: BaseException | None = error
    while at is not None:
        yield at
        at = at.__cause__ or at.__context__


def is_connection_fault(error: BaseException) -> bool:
    """Whether the network failed, and not the request."""
    return any(isinstance(cause, ConnectionError | TimeoutError | socket.gaierror) for cause in causes(error))


def is_collision(error: BaseException) -> bool:
    """Whether somebody else wrote the same row a moment before: databases say so in words of their own."""
    return any(word in str(cause) for cause in causes(error) for word in _COLLISIONS)


def is_file_fault(error: BaseException) -> bool:
    """Whether the file of the database cannot be used: locked, full, read-only or damaged."""
    return any(
        isinstance(cause, sqlite3.Error) and getattr(cause, "sqlite_errorcode", 0) & 0xFF in _UNUSABLE
        for cause in causes(error)
    )
