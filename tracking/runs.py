"""Run folders: `runs/<run id>/`, and the link `runs/latest` to the newest."""

import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from ground.files import fsync
from ground.names import near_misses
from tracking.clock import utc_now
from tracking.errors import RunsFolderError, UnknownRunError
from tracking.uris import sqlite_uri

LATEST = "latest"
_LONGEST_PART = 48


@dataclass(frozen=True, slots=True)
class RunDir:
    """The folder of one run, and the paths of the files in it."""

    path: Path

    @property
    def run_id(self) -> str:
        """The name of the folder."""
        return self.path.name

    @property
    def ledger(self) -> Path:
        """The file of the run's events."""
        return self.path / "ledger.jsonl"

    @property
    def summary(self) -> Path:
        """The result as JSON."""
        return self.path / "summary.json"

    @property
    def report(self) -> Path:
        """The report as one HTML page."""
        return self.path / "report.html"

    @property
    def plot(self) -> Path:
        """The plot of accuracy against MACs."""
        return self.path / "accuracy_vs_macs.png"

    @property
    def model(self) -> Path:
        """The folder of the exported model."""
        return self.path / "model"


class RunDirs:
    """The folder that contains all runs."""

    def __init__(self, root: Path, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.root = root.absolute()
        self._clock = clock

    def create(self, *labels: str) -> RunDir:
        """Create the folder of a new run, and point `latest` to it.

        The run id consists of the UTC time and the labels, as in `20261121-104233-resnet18_quarter-rules-s0`, so that
        sorting by name sorts by time. Two runs never share a folder, however closely they start: creating a folder is
        atomic, and the second run gets the suffix `-2`.

        Args:
            *labels: Parts of the run id; characters that do not belong into a file name are replaced.

        Raises:
            RunsFolderError: The folder cannot be created or written.
        """
        stem = "-".join([self._clock().strftime("%Y%m%d-%H%M%S"), *(_readable(label) for label in labels)])
        try:
            new = [folder for folder in (self.root, *self.root.parents) if not folder.exists()]
            self.root.mkdir(parents=True, exist_ok=True)
            run = RunDir(_make(self.root, stem))
            # The ledger is durable from its first event on, and so must be the names on the way to it.
            for folder in (self.root, self.root.parent, *(made.parent for made in new[1:])):
                fsync(folder)
            self._point_latest(run)
        except OSError as error:
            raise RunsFolderError(str(self.root), _why(error)) from error
        return run

    def all(self) -> tuple[RunDir, ...]:
        """Return every run that has a ledger, oldest first."""
        if not self.root.is_dir():
            return ()
        runs = (RunDir(path) for path in self.root.iterdir() if not path.is_symlink() and path.is_dir())
        return tuple(sorted((run for run in runs if run.ledger.is_file()), key=lambda run: run.run_id))

    def resolve(self, asked: str) -> RunDir:
        """Find a run by its id, by an unambiguous prefix of its id, by a path, or by `latest`.

        Raises:
            UnknownRunError: No run matches, or several do; the message lists similar ids.
        """
        if asked == LATEST:
            return self._latest()
        runs = {run.run_id: run for run in self.all()}
        if asked in runs:
            return runs[asked]
        if asked and Path(asked).is_dir():
            return _at_path(Path(asked), self.root, asked)
        begun = [name for name in runs if asked and name.startswith(asked)]
        if len(begun) == 1:
            return runs[begun[0]]
        if begun:
            raise UnknownRunError(asked, str(self.root), f"{len(begun)} run ids begin with it: {_listed(begun)}")
        raise UnknownRunError(asked, str(self.root), _near(asked, list(runs)))

    def _latest(self) -> RunDir:
        link = self.root / LATEST
        if link.is_dir():
            return _at_path(link.resolve(), self.root, LATEST)
        names = [run.run_id for run in self.all()]
        gone = f"it points to {link.readlink()}, which does not exist; " if link.is_symlink() else ""
        raise UnknownRunError(LATEST, str(self.root), gone + _near(LATEST, names))

    def _point_latest(self, run: RunDir) -> None:
        """Replace the link atomically: a reader sees the old run or the new one, never none."""
        link = self.root / f".{LATEST}-{secrets.token_hex(4)}"
        link.symlink_to(run.run_id, target_is_directory=True)
        try:
            link.replace(self.root / LATEST)
        except OSError:
            link.unlink()
            raise


def _readable(label: str) -> str:
    """Return a label as part of a file name: never empty, never a path."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", label).strip("-.")[:_LONGEST_PART] or "unnamed"


def _make(root: Path, stem: str) -> Path:
    for number in count(1):
        path = root / (stem if number == 1 else f"{stem}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            if not root.is_dir():
                raise
            continue
        return path
    raise AssertionError("counting never ends")


def _at_path(path: Path, root: Path, asked: str) -> RunDir:
    run = RunDir(path.resolve())
    if not run.ledger.is_file():
        raise UnknownRunError(asked, str(root), f"{run.path} contains no ledger.jsonl, so no run was started there")
    return run


def _why(error: OSError) -> str:
    where = f" ({os.fspath(error.filename2 or error.filename)})" if error.filename else ""
    return f"{error.strerror or error}{where}"


def _near(asked: str, names: list[str]) -> str:
    if not names:
        return "there are no runs yet; start one with `search`"
    near = near_misses(asked, names, likeness=0.4)
    return f"did you mean {_listed(list(near))}?" if near else f"the newest are {_listed(names[-3:])}"


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def default_uri(runs: Path) -> str:
    """Return the address of the MLflow database beside a folder of runs."""
    return sqlite_uri(runs.absolute().parent / "mlflow.db")
