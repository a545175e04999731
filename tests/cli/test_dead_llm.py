"""A model that cannot be asked, from the command line: no success, and the last lines say what happened."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.main import main
from llm_clients.scripted.script import FaultName, Script, Step
from tests.cli.launched import ROOT
from tracking.events import payloads_of
from tracking.kinds import RunStatus
from tracking.payloads import FinetuneStarted, RunEnded, Winner
from tracking.reader import read_ledger
from tracking.runs import RunDirs

pytestmark = pytest.mark.slow

ANSWER = json.loads((ROOT / "docs" / "rehearsal.json").read_text())["answers"][0]
Searched = Callable[[Script], int]


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Searched:
    monkeypatch.chdir(tmp_path)

    def run(script: Script) -> int:
        Path("script.json").write_text(script.model_dump_json())
        quick = ["--trials", "12", "--epochs", "1", "--no-mlflow", "--executor", "local"]
        return main(["search", *quick, "--llm", "scripted:script.json", "--llm-per-call", "2"])

    return run


def test_one_that_could_not_be_asked_once(search: Searched, capsys: pytest.CaptureFixture[str]) -> None:
    assert search(Script(calls=(Step(fault=FaultName.UNAUTHORISED),), answers=(ANSWER,))) == 2
    said = capsys.readouterr()
    last_words = "cannot be asked (unauthorised: Incorrect API key provided.)"
    assert last_words in " ".join(said.err.split())
    assert "go on with:" in said.err
    run = RunDirs(Path("runs")).resolve("latest")
    events = read_ledger(run.ledger)
    assert not payloads_of(events, Winner)
    assert not payloads_of(events, FinetuneStarted)
    ended = payloads_of(events, RunEnded)[-1]
    assert ended.status is RunStatus.FAILED
    assert last_words in (ended.error or "")
    assert last_words in run.report.read_text()


def test_one_that_died_on_the_way(search: Searched, capsys: pytest.CaptureFixture[str]) -> None:
    assert search(Script(calls=(Step(answer=ANSWER), Step(fault=FaultName.DAILY_QUOTA)), answers=(ANSWER,))) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "free-models-per-day" in " ".join(lines[-3:])
    run = RunDirs(Path("runs")).resolve("latest")
    assert "free-models-per-day" in json.loads(run.summary.read_text())["ended_early"]
    assert "free-models-per-day" in run.report.read_text()
