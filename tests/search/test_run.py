"""How a run ends: its outputs, then its end, then MLflow; and what its clock measures. No step does its work here."""

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from search.execution.executor import Lost
from search.execution.local import LocalExecutor
from search.launching import is_complete
from search.run import Run
from search.setup.config import RunConfig
from search.setup.preparation import Prepared, prepare
from tracking.events import Event, payloads_of
from tracking.kinds import RunStatus
from tracking.ledger import Ledger
from tracking.payloads import Interrupted, RunEnded
from tracking.reader import read_ledger
from tracking.runs import RunDir, RunDirs
from tracking.tracker import NullTracker, TrackingState


class Killed(BaseException):
    """The process dies here."""


class LastFlush(NullTracker):
    """A tracker whose process is killed while it flushes."""

    def flush(self, timeout_s: float = 30.0) -> TrackingState:
        raise Killed


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(RunConfig(), {})


@pytest.fixture(autouse=True)
def _no_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.run.carry_out", lambda *_: None)


@pytest.fixture
def folder(tmp_path: Path) -> RunDir:
    return RunDirs(tmp_path).create("tiny", "rules", "s0")


@pytest.fixture
def ledger(folder: RunDir) -> Iterator[Ledger]:
    with Ledger.create(folder.ledger) as made:
        yield made


def run_of(prepared: Prepared, folder: RunDir, ledger: Ledger, tracker: NullTracker | None = None) -> Run:
    return Run(prepared, folder, ledger, tracker or NullTracker(), LocalExecutor(), lambda report, epochs: None)


def test_all_outputs_are_there_before_the_ledger_says_that_the_run_ended(
    prepared: Prepared, folder: RunDir, ledger: Ledger
) -> None:
    there: list[tuple[bool, bool]] = []

    def look(event: Event) -> None:
        if isinstance(event.payload, RunEnded):
            there.append((folder.summary.is_file(), folder.report.is_file()))

    ledger.subscribe(look)
    outcome = run_of(prepared, folder, ledger).execute()
    assert there == [(True, True)]
    assert outcome.summary.status is RunStatus.FINISHED


def test_a_kill_before_mlflow_holds_everything_costs_no_output(
    prepared: Prepared, folder: RunDir, ledger: Ledger
) -> None:
    with pytest.raises(Killed):
        run_of(prepared, folder, ledger, LastFlush()).execute()
    assert payloads_of(read_ledger(folder.ledger), RunEnded)[-1].status is RunStatus.FINISHED
    assert is_complete(folder)


def test_a_clock_that_is_set_back_leaves_the_time_that_was_worked(
    prepared: Prepared, folder: RunDir, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = count(1)

    def set_back(of: Callable[[], float]) -> Callable[[], float]:
        return lambda: of() - 3600.0 * next(hours)

    monkeypatch.setattr(time, "time", set_back(time.time))
    monkeypatch.setattr("search.run.utc_now", lambda: datetime.now(UTC) - timedelta(hours=next(hours)))
    began = time.monotonic()
    run_of(prepared, folder, ledger).execute()
    (ended,) = payloads_of(read_ledger(folder.ledger), RunEnded)
    assert 0 <= ended.wall_s <= time.monotonic() - began


class Left(BaseException):
    """The process ends here, without a word more."""


def test_what_waits_for_a_lost_ray_is_left_with_its_reason_in_the_ledger(
    prepared: Prepared, folder: RunDir, ledger: Ledger, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    codes: list[int] = []

    def leave(code: int) -> None:
        codes.append(code)
        raise Left

    monkeypatch.setattr("search.run.GRACE_S", 0.0)
    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(Left):
        run_of(prepared, folder, ledger)._lose("Ray's process raylet has ended")
    assert codes == [130]
    interrupted, ended = (event.payload for event in read_ledger(folder.ledger)[-2:])
    assert isinstance(interrupted, Interrupted)
    assert interrupted.reason == "Ray was lost: Ray's process raylet has ended"
    assert isinstance(ended, RunEnded)
    assert ended.status is RunStatus.INTERRUPTED
    assert f"launch.py resume {folder.path}" in capsys.readouterr().err


def test_while_the_steps_run_the_loss_of_ray_is_heard(
    prepared: Prepared, folder: RunDir, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Lost] = []
    monkeypatch.setattr("search.run.carry_out", lambda _, lost, __: told.append(lost))
    run = run_of(prepared, folder, ledger)
    run.execute()
    assert told == [run._lose]


def test_a_run_that_ends_in_order_is_not_left(
    prepared: Prepared, folder: RunDir, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray is lost in its last moment: the run has begun to end, and ends once."""
    monkeypatch.setattr("search.run.GRACE_S", 0.0)
    monkeypatch.setattr(os, "_exit", lambda code: pytest.fail(f"left with {code}"))
    run = run_of(prepared, folder, ledger)
    run.execute()
    run._lose("Ray's process raylet has ended")
    assert [event.payload for event in read_ledger(folder.ledger) if isinstance(event.payload, Interrupted)] == []
