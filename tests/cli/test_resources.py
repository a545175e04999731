"""The verb `ablate resources`, as a user types it: through HTTP and the sandbox, killed by SIGKILL, and run again."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ablations.resources.arms.places import Place
from ablations.resources.working.records import call_key, judgement_key
from cli.main import main
from sandbox.backends.bwrap import Bwrap
from tests.sandbox.conftest import needed
from tracking.events import payloads_of
from tracking.reader import read_whole_lines
from tracking.study_payloads import Prepared

ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS = ("--task-id", "5001,5002", "--max-depth", "1", "--samples", "1", "--workers", "2", "--cost-by", "tokens")

DIES = """
import os, signal, sys
from tracking.ledger import Ledger
record = Ledger.record
def recording(self, payload):
    event = record(self, payload)
    if event.seq == int(os.environ["DIES_AT"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return event
Ledger.record = recording
from cli.main import main
sys.exit(main(sys.argv[1:]))
"""


VERB = ("ablate", "resources", "--output", "study", "--no-mlflow")


def killed(folder: Path, *arguments: str, at: int) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DIES_AT": str(at)}
    return subprocess.run(
        [sys.executable, "-c", DIES, *VERB, *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def prepared(folder: Path) -> list[Prepared]:
    return list(payloads_of(read_whole_lines(folder / "study" / "ledger.jsonl"), Prepared))


def exact(folder: Path) -> dict[str, Any]:
    """The tables that hold nothing timed."""
    tables = json.loads((folder / "study" / "tables.json").read_text())["tables"]
    return {table["key"]: table["rows"] for table in tables if table["key"] in ("arms", "comparisons", "levels")}


@pytest.mark.slow
def test_killed_in_the_middle_and_run_again_it_asks_and_judges_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The process that is killed is one of its own; this one goes on, as another process would."""
    needed(Bwrap())
    died = killed(tmp_path, *ARGUMENTS, at=6)
    assert died.returncode == -signal.SIGKILL, died.stderr
    before = {entry.key: entry.facts for entry in prepared(tmp_path)}
    assert 2 <= len(before) <= 5
    monkeypatch.chdir(tmp_path)
    assert main([*VERB, *ARGUMENTS]) == 0
    entries = prepared(tmp_path)
    assert set(Counter(entry.key for entry in entries).values()) == {1}
    after = {entry.key: entry.facts for entry in entries}
    assert {key: after[key] for key in before} == before
    for model in ("large", "small"):
        for task in ("5001", "5002"):
            assert {call_key(model, task, Place(0, 0)), judgement_key(model, task, Place(0, 0))} <= after.keys()
    tables = exact(tmp_path)
    capsys.readouterr()
    assert main([*VERB, "--only-report"]) == 0
    report = capsys.readouterr().out
    assert exact(tmp_path) == tables
    assert len(prepared(tmp_path)) == len(entries)
    for shown in ("The arms: tasks solved", "Efficiency:", "Accuracy:", "Balance:", "Routing:", "report.html"):
        assert shown in report, shown
