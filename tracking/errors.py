"""What can go wrong with a run's record, each with the way out in its message.

Every error takes plain arguments and keeps them in ``args``, so that it survives pickling.
"""


class TrackingError(ValueError):
    """Base of everything that this room raises for a reader to act on."""


class PayloadError(TrackingError):
    """An event was offered with fields that its kind does not have, or with values of the wrong kind."""

    def __init__(self, kind: str, problems: str) -> None:
        super().__init__(kind, problems)
        self.kind, self.problems = kind, problems

    def __str__(self) -> str:
        return f"An event {self.kind!r} was refused and not written: {self.problems}. See docs/ledger.md."


class LedgerExistsError(TrackingError):
    """A new ledger was asked for where one lies already."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path} exists already, and a ledger is never overwritten; resume that run, or start a new one."


class LedgerMissingError(TrackingError):
    """There is no ledger at this path."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"There is no ledger at {self.path}; a run's folder holds one named ledger.jsonl."


class EmptyLedgerError(TrackingError):
    """A ledger does not begin with ``run_started``: there is no run in it."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path} does not begin with the start of a run, so there is nothing to show; start a run first."


class LockedError(TrackingError):
    """Another writer holds the lock."""

    def __init__(self, path: str, holder: str) -> None:
        super().__init__(path, holder)
        self.path, self.holder = path, holder

    def __str__(self) -> str:
        return (
            f"{self.path} is being written by {self.holder}; only one process may write it at a time. "
            "Wait until that one ends, or stop it."
        )


class LedgerWriteError(TrackingError):
    """The disk refused an event. The ledger takes no more; what was acknowledged before is intact."""

    def __init__(self, path: str, seq: int, reason: str) -> None:
        super().__init__(path, seq, reason)
        self.path, self.seq, self.reason = path, seq, reason

    def __str__(self) -> str:
        return (
            f"Event {self.seq} could not be written to {self.path}: {self.reason}. Every earlier event is safe; "
            "make room on the disk, then resume the run."
        )


class HalfWrittenLedgerError(TrackingError):
    """The last line of a ledger was torn off in the middle, as a crash while writing leaves it."""

    def __init__(self, path: str, line: int, run: str) -> None:
        super().__init__(path, line, run)
        self.path, self.line, self.run = path, line, run

    def __str__(self) -> str:
        return (
            f"Line {self.line} of {self.path} is half written: the process was killed while it wrote its last event. "
            f"Nothing that it had acknowledged is lost; `resume {self.run} --repair` cuts that line "
            "(and keeps a copy of it), then goes on."
        )


class CorruptLedgerError(TrackingError):
    """A ledger is damaged elsewhere than at its very end, which no crash of ours can do."""

    def __init__(self, path: str, line: int, reason: str) -> None:
        super().__init__(path, line, reason)
        self.path, self.line, self.reason = path, line, reason

    def __str__(self) -> str:
        return (
            f"Line {self.line} of {self.path} is damaged: {self.reason}. This is not the trace of a crash, and cannot "
            "be repaired safely; restore the file from a copy, or start a new run."
        )


class RunsFolderError(TrackingError):
    """The folder of runs cannot be made or written."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"Runs cannot be kept in {self.path}: {self.reason}. Name a folder that can be written with --runs."


class UnknownRunError(TrackingError):
    """No run, or more than one, goes by this name."""

    def __init__(self, asked: str, root: str, reason: str) -> None:
        super().__init__(asked, root, reason)
        self.asked, self.root, self.reason = asked, root, reason

    def __str__(self) -> str:
        return f"No run {self.asked!r} in {self.root}: {self.reason}."


class TrackingUriError(TrackingError):
    """An MLflow address that cannot be used."""

    def __init__(self, uri: str, reason: str) -> None:
        super().__init__(uri, reason)
        self.uri, self.reason = uri, reason

    def __str__(self) -> str:
        return (
            f"The MLflow address {self.uri!r} cannot be used: {self.reason}. What works: sqlite:///mlflow.db, "
            "http://HOST:PORT, https://HOST, or postgresql://USER@HOST/DATABASE."
        )


class MlflowUnreachableError(TrackingError):
    """MLflow did not answer, or refused. The search does not need it; reading and syncing do."""

    def __init__(self, uri: str, reason: str) -> None:
        super().__init__(uri, reason)
        self.uri, self.reason = uri, reason

    def __str__(self) -> str:
        return (
            f"MLflow at {self.uri} could not be used: {self.reason}. The run's ledger is complete without it; "
            "start the server (or name another with --tracking-uri) and run `sync` again."
        )


class UnknownExperimentError(TrackingError):
    """MLflow has no experiment of this name."""

    def __init__(self, asked: str, uri: str, known: str) -> None:
        super().__init__(asked, uri, known)
        self.asked, self.uri, self.known = asked, uri, known

    def __str__(self) -> str:
        return f"MLflow at {self.uri} has no experiment {self.asked!r}; it has: {self.known or 'none'}."
