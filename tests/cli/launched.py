"""Launches the real command in a process of its own, as a user does, and reads what it leaves."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ground.cache import locked
from search.outcome.summary import Summary, read_summary
from tracking.events import Event, payloads_of
from tracking.payloads import TrialEnded
from tracking.reader import read_ledger
from tracking.runs import RunDir, RunDirs

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("--trials", "6", "--window", "4", "--epochs", "3", "--runs", "runs")
"""Enough trials for two workers to run several each, and a fine-tune of seconds. The search is the same with any number
of workers."""


Ending = tuple[int, str, float | None, int]


def endings(events: Sequence[Event]) -> list[Ending]:
    """Number, state, accuracy and rungs of every end of a trial, by number: one recorded twice is there twice."""
    return sorted((end.trial, end.state.value, end.accuracy, end.rungs) for end in payloads_of(events, TrialEnded))


@dataclass(frozen=True)
class Launched:
    """A finished command."""

    code: int
    output: str
    folder: Path

    @property
    def run(self) -> RunDir:
        return RunDirs(self.folder / "runs").resolve("latest")

    @property
    def summary(self) -> Summary:
        return read_summary(self.run.summary)

    @property
    def ends(self) -> list[Ending]:
        return endings(self.events)

    @property
    def events(self) -> tuple[Event, ...]:
        return read_ledger(self.run.ledger)


def launch(
    folder: Path,
    *arguments: str,
    interrupt_at: Callable[[str], bool] | None = None,
    variables: Mapping[str, str] | None = None,
    by: signal.Signals = signal.SIGINT,
    halt_at: Mapping[str, Any] | None = None,
    strike: Callable[[int], None] | None = None,
) -> Launched:
    """Run `launch.py` in a process of its own, to its end.

    Args:
        folder: where it runs.
        arguments: of the command line.
        interrupt_at: tells for each line of output whether to send the signal, which is sent once.
        variables: environment variables beside this process's own.
        by: the signal.
        halt_at: an event of its ledger at which it halts and says so, see `halting.py`.
        strike: called with its process id in place of sending the signal; the process then leads a group of its own.
    """
    entry = [str(ROOT / "launch.py")] if halt_at is None else ["-m", "tests.cli.halting", json.dumps(halt_at)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    process = subprocess.Popen(
        [sys.executable, *entry, *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT), **(variables or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=strike is not None,
    )
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if interrupt_at is not None and interrupt_at(line):
            if strike is None:
                process.send_signal(by)
            else:
                strike(process.pid)
            interrupt_at = None
    return Launched(process.wait(), "".join(lines), folder)


def says(words: str) -> Callable[[str], bool]:
    """Whether a line has these words."""
    return lambda line: words in line


def plant_namesakes(project: Path) -> None:
    """Put modules with the names of ours into a user's folder; whoever imports one fails."""
    for name in ("cli/__init__.py", "search/__init__.py", "trainers/__init__.py", "tracking.py"):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("raise RuntimeError(f'{__file__} was imported instead of ours')")


def launch_once(shared: Path, *arguments: str) -> Launched:
    """Launch once for all workers of a test session: the first that asks runs it, the others wait and read.

    The folder is that of a user who has packages of our names.
    """
    entry = shared / "whole"
    with locked(entry):
        said = entry / "launched.json"
        if not said.exists():
            entry.mkdir()
            plant_namesakes(entry)
            done = launch(entry, *arguments)
            said.write_text(json.dumps({"code": done.code, "output": done.output}))
        return Launched(folder=entry, **json.loads(said.read_text()))
