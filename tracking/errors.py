"""The errors of a run's record; each message says what to do about it.

Every error takes plain arguments and keeps them in `args`, so that it survives pickling.
"""

import shlex
from functools import partial
from typing import Any

from ground.counting import counted


class TrackingError(ValueError):
    """Base of all errors of this package that a user can act on."""


class PayloadError(TrackingError):
    """An event has fields that its kind does not have, or values of the wrong type."""

    def __init__(self, kind: str, problems: str) -> None:
        super().__init__(kind, problems)
        self.kind, self.problems = kind, problems

    def __str__(self) -> str:
        return f"An event {self.kind!r} was refused and not written: {self.problems}. See docs/ledger.md."


class LedgerExistsError(TrackingError):
    """A new ledger was requested at a path that already holds one."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path} already exists, and a ledger is never overwritten; resume that run, or start a new one."


class LedgerMissingError(TrackingError):
    """There is no ledger at this path."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"There is no ledger at {self.path}; the folder of a run contains one named ledger.jsonl."


class EmptyLedgerError(TrackingError):
    """A ledger does not begin with `run_started`, so it contains no run."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path} does not begin with a run_started event, so it contains no run to show; start a run first."


class LockedError(TrackingError):
    """Another process, or another writer in this process, holds the lock."""

    def __init__(self, path: str, holder: str) -> None:
        super().__init__(path, holder)
        self.path, self.holder = path, holder

    def __str__(self) -> str:
        return (
            f"{self.path} is being written by {self.holder}; only one process may write it at a time. "
            "Wait until that process ends, or stop it."
        )


class LedgerWriteError(TrackingError):
    """An event could not be written to the disk.

    The ledger accepts no further events. All events that were acknowledged before are intact.
    """

    def __init__(self, path: str, seq: int, reason: str) -> None:
        super().__init__(path, seq, reason)
        self.path, self.seq, self.reason = path, seq, reason

    def __str__(self) -> str:
        return (
            f"Event {self.seq} could not be written to {self.path}: {self.reason}. Every earlier event is safe; "
            "free some space on the disk, then resume the run."
        )


class HalfWrittenLedgerError(TrackingError):
    """The last line of a ledger is incomplete, as a crash during a write leaves it."""

    def __init__(self, path: str, line: int, run: str) -> None:
        super().__init__(path, line, run)
        self.path, self.line, self.run = path, line, run

    def __str__(self) -> str:
        return (
            f"Line {self.line} of {self.path} is half written: the process was killed while it wrote its last event. "
            f"No acknowledged event is lost; `resume {self.run} --repair` cuts off that line, keeps a copy of it, "
            "and continues the run."
        )


class CorruptLedgerError(TrackingError):
    """A ledger is damaged before its last line, which a crash during a write cannot cause."""

    def __init__(self, path: str, line: int, reason: str) -> None:
        super().__init__(path, line, reason)
        self.path, self.line, self.reason = path, line, reason

    def __str__(self) -> str:
        return (
            f"Line {self.line} of {self.path} is damaged: {self.reason}. A crash does not cause this, and it cannot be "
            "repaired safely; restore the file from a backup, or move the run's folder away and start a new run."
        )


class OtherPlanError(TrackingError):
    """A run was planned in other groups than this version finds in the same model."""

    def __init__(self, path: str, recorded: tuple[str, ...], found: tuple[str, ...], version: str | None) -> None:
        super().__init__(path, recorded, found, version)
        self.path, self.recorded, self.found, self.version = path, recorded, found, version

    def __str__(self) -> str:
        began = "" if self.version is None else f" ({self.version})"
        return (
            f"{self.path} was planned in {_counted(self.recorded)}, and this version finds {_counted(self.found)} in "
            "the same model. What was tried in the one means nothing in the other, so the run does not go on here. "
            f"What it found stays as it is: its report, and its exported model. Go on with the version that began it"
            f"{began}, or begin a new run of the same configuration."
        )


def _counted(groups: tuple[str, ...]) -> str:
    more = ", …" if len(groups) > 6 else ""
    return f"{counted(len(groups), 'group')} of channels: {', '.join(groups[:6])}{more}"


class ForeignLedgerError(TrackingError):
    """A run's folder contains the ledger of another run."""

    def __init__(self, path: str, owner: str, run: str) -> None:
        super().__init__(path, owner, run)
        self.path, self.owner, self.run = path, owner, run

    def __str__(self) -> str:
        return (
            f"{self.path} is the ledger of the run {self.owner!r}, and its folder is named {self.run!r}. If this "
            f"folder was renamed, name it {self.owner!r} again; if the ledger was copied here, restore this run's own."
        )


class RunsFolderError(TrackingError):
    """The folder of runs cannot be created or written."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"Runs cannot be kept in {self.path}: {self.reason}. Choose a writable folder with --runs."


class UnknownRunError(TrackingError):
    """No run matches this name, or more than one does."""

    def __init__(self, asked: str, root: str, reason: str) -> None:
        super().__init__(asked, root, reason)
        self.asked, self.root, self.reason = asked, root, reason

    def __str__(self) -> str:
        return f"No run {self.asked!r} in {self.root}: {self.reason}."


class TrackingUriError(TrackingError):
    """The address of an MLflow store cannot be used."""

    def __init__(self, uri: str, reason: str) -> None:
        super().__init__(uri, reason)
        self.uri, self.reason = uri, reason

    def __str__(self) -> str:
        return (
            f"The MLflow address {self.uri!r} cannot be used: {self.reason}. What works: sqlite:///mlflow.db, "
            "http://HOST:PORT, https://HOST, or postgresql://USER@HOST/DATABASE."
        )


class MlflowUnreachableError(TrackingError):
    """MLflow did not answer, or refused the request.

    A search goes on without MLflow; `compare`, `ablate` and `sync` need it.
    """

    def __init__(self, uri: str, reason: str) -> None:
        super().__init__(uri, reason)
        self.uri, self.reason = uri, reason

    def __str__(self) -> str:
        return (
            f"MLflow at {self.uri} could not be used: {self.reason}. The run's ledger is complete without it; "
            "start the server (or choose another with --tracking-uri), then run `sync`."
        )


class MlflowLockedError(MlflowUnreachableError):
    """Another process holds a lock on the SQLite file of the store.

    The reason names that process where the system tells it.
    """

    def __str__(self) -> str:
        return (
            f"MLflow at {self.uri} could not be used: the database is locked by {self.reason}. The run's ledger is "
            "complete without it; wait until that process ends, or stop it, then run `sync`."
        )


class MlflowSchemaError(MlflowUnreachableError):
    """The database was made by another version of MLflow; Espalier never migrates it.

    Args:
        uri: The address of the database, without its password.
        found: The version of its schema.
        needed: The version that the installed MLflow needs.
        newer: Whether the installed MLflow does not know the version that was found.
    """

    def __init__(self, uri: str, found: str, needed: str, *, newer: bool = False) -> None:
        super().__init__(uri, f"its schema has the version {found}, and this MLflow needs {needed}")
        self.args = (uri, found, needed)
        self.found, self.needed, self.newer = found, needed, newer

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), newer=self.newer), self.args

    def __str__(self) -> str:
        advice = (
            "A newer MLflow made it: update this one (pip install --upgrade mlflow)"
            if self.newer
            else f"Make a copy of the database, then migrate it: mlflow db upgrade {shlex.quote(self.uri)}"
        )
        return (
            f"MLflow at {self.uri} could not be used: {self.reason}. It was left as it is. {advice}. "
            "`sync` then writes what MLflow lacks of a run."
        )


class UnknownExperimentError(TrackingError):
    """MLflow has no experiment of this name."""

    def __init__(self, asked: str, uri: str, known: str) -> None:
        super().__init__(asked, uri, known)
        self.asked, self.uri, self.known = asked, uri, known

    def __str__(self) -> str:
        return f"MLflow at {self.uri} has no experiment {self.asked!r}; it has: {self.known or 'none'}."
