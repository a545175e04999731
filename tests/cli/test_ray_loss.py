"""The loss of one of Ray's own processes: recorded as an interrupt, with a way on."""

from pathlib import Path

import psutil
import pytest

from tests.cli.launched import launch, says
from tracking.events import payloads_of
from tracking.kinds import RunStatus
from tracking.payloads import Interrupted, RunEnded

pytestmark = pytest.mark.slow

COMMAND = ("search", "--trials", "40", "--window", "4", "--workers", "1", "--no-mlflow", "--runs", "runs")


@pytest.mark.parametrize("victim", ["gcs_server", "raylet"])
def test_it_is_an_interrupt_with_a_way_on(tmp_path: Path, victim: str) -> None:
    """Ray alone would wait for a minute, and end the process without a word; how long it takes here is not tested."""

    def strike(driver: int) -> None:
        own = psutil.Process(driver).children(recursive=True)
        next(process for process in own if process.name().startswith(victim)).kill()

    done = launch(tmp_path, *COMMAND, interrupt_at=says("trial   1"), strike=strike)
    assert done.code == 130, done.output
    (reason,) = [interrupted.reason for interrupted in payloads_of(done.events, Interrupted)]
    assert "Ray was lost" in reason
    assert payloads_of(done.events, RunEnded)[-1].status is RunStatus.INTERRUPTED
    assert "launch.py resume" in done.output
