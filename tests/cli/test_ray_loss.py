"""The loss of Ray's own processes, alone or with the driver's group: recorded within seconds, with a way on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tracking.errors import HalfWrittenLedgerError
from tracking.events import Event, payloads_of
from tracking.kinds import RunStatus
from tracking.payloads import Interrupted, RunEnded, Rung
from tracking.reader import read_ledger
from tracking.runs import RunDirs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parents[2]
MOST_S = 40
"""Ray alone takes more than 60 seconds; on an idle machine this takes seven."""


def events_of(folder: Path) -> tuple[Event, ...]:
    runs = RunDirs(folder / "runs").all()
    try:
        return read_ledger(runs[0].ledger) if runs else ()
    except HalfWrittenLedgerError:
        return ()


@pytest.mark.parametrize("victim", ["gcs_server", "raylet", "group"])
def test_it_is_an_interrupt_with_a_way_on(tmp_path: Path, victim: str) -> None:
    command = ("search", "--trials", "40", "--window", "4", "--workers", "1", "--no-mlflow", "--runs", "runs")
    with (tmp_path / "said").open("w") as said:
        driver = subprocess.Popen(
            [sys.executable, str(ROOT / "launch.py"), *command],
            cwd=tmp_path, stdout=said, stderr=said, start_new_session=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    try:
        while len(payloads_of(events_of(tmp_path), Rung)) < 2:
            assert driver.poll() is None, (tmp_path / "said").read_text()
            time.sleep(0.1)
        if victim == "group":
            os.killpg(driver.pid, signal.SIGTERM)
        else:
            children = psutil.Process(driver.pid).children(recursive=True)
            next(child for child in children if child.name().startswith(victim[:15])).kill()
        struck = time.monotonic()
        assert driver.wait(MOST_S + 60) == 130, (tmp_path / "said").read_text()
        assert time.monotonic() - struck < MOST_S
    finally:
        for process in psutil.Process().children(recursive=True):
            if process.pid == driver.pid:
                process.kill()
    said_at_last = (tmp_path / "said").read_text()
    events = events_of(tmp_path)
    (reason,) = [interrupted.reason for interrupted in payloads_of(events, Interrupted)]
    assert reason == "SIGTERM" if victim == "group" else "Ray was lost" in reason
    assert payloads_of(events, RunEnded)[-1].status is RunStatus.INTERRUPTED
    assert "launch.py resume" in said_at_last
