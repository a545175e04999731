"""Concurrent and killed processes: acknowledged events are kept, one process writes, no two runs share a folder."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tracking.samples import START
from tracking.errors import HalfWrittenLedgerError, LockedError
from tracking.events import payloads_of
from tracking.kinds import EventKind
from tracking.ledger import Ledger
from tracking.payloads import Interrupted
from tracking.reader import read_ledger
from tracking.repair import repair
from tracking.runs import RunDirs

ROOT = Path(__file__).resolve().parents[2]

APPEND_FOR_EVER = """
import sys
from pathlib import Path
from tracking.kinds import EventKind
from tracking.ledger import Ledger

path = Path(sys.argv[1])
ledger = Ledger.open(path) if path.exists() else Ledger.create(path)
while True:
    event = ledger.append(EventKind.INTERRUPTED, reason="x" * 3000)
    print(event.seq, flush=True)
"""

RACE_FOR_A_LEDGER = """
import sys, time
from pathlib import Path
from tracking.errors import LedgerExistsError, LockedError
from tracking.ledger import Ledger

print("ready", flush=True)
sys.stdin.readline()
try:
    ledger = Ledger.create(Path(sys.argv[1]))
except (LedgerExistsError, LockedError) as error:
    print(type(error).__name__, flush=True)
else:
    print("won", flush=True)
sys.stdin.readline()
"""

RACE_FOR_FOLDERS = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from tracking.runs import RunDirs

print("ready", flush=True)
sys.stdin.readline()
runs = RunDirs(Path(sys.argv[1]), clock=lambda: datetime(2026, 11, 21, tzinfo=UTC))
print(*(runs.create("m").run_id for _ in range(25)), flush=True)
"""


class Processes:
    """Starts Python processes on scripts, and ends all of them."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []

    def start(self, script: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()


@pytest.fixture
def processes() -> Iterator[Processes]:
    processes = Processes()
    yield processes
    processes.end()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def test_kill_9_loses_nothing_that_was_acknowledged(processes: Processes, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    chance = random.Random(7)
    acknowledged = 0
    for _ in range(4):
        writer = processes.start(APPEND_FOR_EVER, str(path))
        for _ in range(chance.randint(1, 60)):
            acknowledged = int(line(writer))
        writer.send_signal(signal.SIGKILL)
        assert writer.stdout is not None
        # not by `communicate`, which would bypass what `readline` has buffered
        rest = writer.stdout.read().split("\n")
        acknowledged = max([acknowledged, *(int(seq) for seq in rest[:-1])])
        try:
            events = read_ledger(path)
        except HalfWrittenLedgerError:
            repair(path)
            events = read_ledger(path)
        # At most one event may be on the disk without its acknowledgement having arrived.
        assert acknowledged <= len(events) <= acknowledged + 1
        acknowledged = len(events)
        assert {len(payload.reason) for payload in payloads_of(events, Interrupted)} == {3000}


def test_a_killed_process_holds_no_lock(processes: Processes, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    writer = processes.start(APPEND_FOR_EVER, str(path))
    line(writer)
    with pytest.raises(LockedError, match=f"process {writer.pid} on"):
        Ledger.open(path)
    assert read_ledger_while_written(path) >= 1
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    repair(path)
    with Ledger.open(path) as ledger:
        ledger.append(EventKind.RESUMED, from_seq=len(ledger.events))


FORK_AND_WAIT = """
import os, signal, sys
from pathlib import Path
from tracking.ledger import Ledger

ledger = Ledger.create(Path(sys.argv[1]))
if os.fork() == 0:
    print(os.getpid(), flush=True)  # by the child, which has run then, and let go of its copy of the lock
signal.pause()
"""


def test_a_forked_reader_does_not_keep_the_lock_of_a_killed_driver(processes: Processes, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    driver = processes.start(FORK_AND_WAIT, str(path))
    reader = int(line(driver))
    try:
        with pytest.raises(LockedError, match=f"process {driver.pid} on"):
            Ledger.open(path)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        os.kill(reader, 0)
        Ledger.open(path).close()
    finally:
        os.kill(reader, signal.SIGKILL)


def read_ledger_while_written(path: Path) -> int:
    """Read beside a writer: only the last event may be incomplete."""
    try:
        return len(read_ledger(path))
    except HalfWrittenLedgerError as error:
        return error.line - 1


def test_only_one_of_many_creates_a_ledger(processes: Processes, tmp_path: Path) -> None:
    racers = [processes.start(RACE_FOR_A_LEDGER, str(tmp_path / "ledger.jsonl")) for _ in range(4)]
    assert [line(racer) for racer in racers] == ["ready"] * 4
    for racer in racers:
        go(racer)
    outcomes = sorted(line(racer) for racer in racers)
    assert outcomes.count("won") == 1
    assert set(outcomes) <= {"won", "LockedError", "LedgerExistsError"}


def test_processes_never_share_a_run_folder(processes: Processes, tmp_path: Path) -> None:
    racers = [processes.start(RACE_FOR_FOLDERS, str(tmp_path / "runs")) for _ in range(3)]
    assert [line(racer) for racer in racers] == ["ready"] * 3
    for racer in racers:
        go(racer)
    ids = [run_id for racer in racers for run_id in line(racer).split()]
    assert len(ids) == len(set(ids)) == 75
    runs = RunDirs(tmp_path / "runs", clock=lambda: START)
    assert (runs.root / "latest").resolve().name in ids
