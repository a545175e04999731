"""A signal that Python swallows: one that arrives while a destructor runs is raised there, and lost."""

import os
import signal
from pathlib import Path

import pytest

from cli.main import main
from search.execution.interrupts import LEFT_AT_ONCE, Interrupts
from search.execution.local import LocalExecutor
from search.outcome.summary import read_summary
from search.proposers.rules import RulesProposer
from tests.search.rehearsed import play
from tracking.events import payloads_of
from tracking.kinds import RunStatus
from tracking.payloads import FinetuneStarted, Winner
from tracking.reader import read_ledger
from tracking.runs import RunDirs

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Interrupted:
    """Gets the process interrupted when it is given up, as any object of the search's may."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


def test_a_swallowed_signal_is_told_at_the_next_step() -> None:
    interrupts = Interrupts()
    with interrupts.installed():
        interrupts.check()
        Interrupted()
        with pytest.raises(KeyboardInterrupt, match="SIGINT"):
            interrupts.check()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_ends_a_run_in_order(number: signal.Signals) -> None:
    interrupts = Interrupts()

    def unhandled(*_: object) -> None:
        pytest.fail(f"{number.name} would have ended the process")

    # Tests that are started in the background ignore some of these, and what is ignored stays so.
    former = signal.signal(number, unhandled)
    try:
        with interrupts.installed(), pytest.raises(KeyboardInterrupt, match=number.name):
            signal.raise_signal(number)
        assert signal.getsignal(number) == unhandled
    finally:
        signal.signal(number, former)


def test_a_second_signal_leaves_at_once(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """With one line that waits for nothing: what the run waits for may never come. What it leaves the next sweeps."""
    codes: list[int] = []
    flagged: list[bool] = []
    interrupts = Interrupts()
    monkeypatch.setattr(os, "_exit", codes.append)
    # What a thread says meanwhile would be written over what is read here.
    monkeypatch.setattr("search.execution.interrupts._tell", lambda _: None)
    with interrupts.installed(), interrupts.flagged(lambda: flagged.append(True)):
        signal.raise_signal(signal.SIGTERM)
        assert codes == []
        signal.raise_signal(signal.SIGINT)
    assert codes[0] == LEFT_AT_ONCE == 130
    assert "Left at once" in capfd.readouterr().err
    assert flagged[0]
    assert interrupts.reason is not None


def test_a_signal_that_is_ignored_stays_so() -> None:
    """As under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        interrupts = Interrupts()
        with interrupts.installed():
            interrupts.reinstall()
            os.kill(os.getpid(), signal.SIGHUP)
            interrupts.check()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
def test_a_run_ends_at_its_next_step_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process and without Ray. The signal comes when the search is over and its objects are let go."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(LocalExecutor, "run_trials", lambda _, session, __: play(session))
    monkeypatch.setattr(RulesProposer, "close", lambda _: Interrupted() and None)
    assert main(["--trials", "3", "--no-mlflow", "--executor", "local"]) == 130
    run = RunDirs(tmp_path / "runs").resolve("latest")
    events = read_ledger(run.ledger)
    assert payloads_of(events, Winner)
    assert not payloads_of(events, FinetuneStarted)
    assert read_summary(run.summary).status is RunStatus.INTERRUPTED
