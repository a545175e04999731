"""A study as a user runs it, in processes of its own: killed, interrupted, gone on with, under Ray and without."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.ablations.floor.toy_main import main
from tests.cli.launched import ROOT
from tracking.events import payloads_of
from tracking.mirror.query import read_studies
from tracking.reader import read_ledger
from tracking.study_payloads import ConditionBegun, ConditionMeasured, StudyEnded

SMALL = ("--seeds", "2", "--loads", "0,1")
ALONE = ("--executor", "local", "--no-mlflow")


def start(folder: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.ablations.floor.toy_main", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def interrupted_at(process: subprocess.Popen[str], words: str, by: signal.Signals) -> tuple[int, str]:
    """Send a signal at the first line with these words; return the exit code and all output."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            process.send_signal(by)
            words = "\0"
    return process.wait(), "".join(lines)


def measured(folder: Path) -> Counter[str]:
    ends = payloads_of(read_ledger(folder / "toy" / "ledger.jsonl"), ConditionMeasured)
    return Counter(end.condition for end in ends)


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (folder / "toy").glob("*.csv")}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert main(["--output", str(folder / "toy"), *SMALL, *ALONE]) == 0
    return folder


@pytest.mark.slow
def test_sigkill_and_sigint_cost_nothing_that_was_measured(tmp_path: Path, undisturbed: Path) -> None:
    killed = start(tmp_path, *SMALL, *ALONE, TOY_KILL_AT="6")
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert sum(measured(tmp_path).values()) == 2
    kept = measured(tmp_path)
    code, output = interrupted_at(start(tmp_path, *SMALL, *ALONE, "--hang", "1"), "[3 of 8]", signal.SIGINT)
    assert code == 130, output
    assert "Go on with the same command" in output
    assert main(["--output", str(tmp_path / "toy"), *SMALL, *ALONE]) == 0
    assert kept <= measured(tmp_path) == measured(undisturbed)
    assert set(measured(tmp_path).values()) == {1}
    assert files(tmp_path) == files(undisturbed)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_under_ray_a_lost_actor_and_a_sigterm_cost_nothing(tmp_path: Path, undisturbed: Path) -> None:
    """One actor dies by SIGKILL and its condition is measured again; then the driver is asked to end, and goes on."""
    place = ("--executor", "ray", "--workers", "2", "--cpus", "0.5", "--no-mlflow")
    dying = ("--kill", "0", "--kill-once", str(tmp_path / "died"))
    code, output = interrupted_at(start(tmp_path, *SMALL, *place, *dying, "--hang", "1"), "load=0", signal.SIGTERM)
    assert code == 130, output
    assert (tmp_path / "died").exists()
    kept = measured(tmp_path)
    assert kept
    last = read_ledger(tmp_path / "toy" / "ledger.jsonl")[-1].payload
    assert isinstance(last, StudyEnded)
    assert main(["--output", str(tmp_path / "toy"), *SMALL, *ALONE]) == 0, "elsewhere: the place changes no figure"
    assert set(measured(tmp_path).values()) == {1}
    assert measured(tmp_path) == measured(undisturbed)
    assert files(tmp_path) == files(undisturbed)


def test_only_the_report_is_made_again(undisturbed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = undisturbed / "toy"
    before = (folder / "ledger.jsonl").read_bytes()
    page = folder / "report.html"
    page.unlink()
    assert main(["--output", str(folder), "--only-report", "--json"]) == 0
    keys = {table["key"] for table in json.loads(capsys.readouterr().out)["tables"]}
    assert {"answers", "cells", "estimates", "conditions"} <= keys
    assert page.is_file()
    assert (folder / "ledger.jsonl").read_bytes() == before


def test_a_failure_is_said_and_measured_again_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["--output", str(tmp_path / "toy"), *SMALL, *ALONE]
    assert main([*line, "--fail", "1"]) == 0
    said = capsys.readouterr().out
    assert "failed: ValueError: the die with load 1 rolled under the table" in said
    assert "4 conditions failed and count nowhere" in said
    assert main(line) == 0
    assert sum(measured(tmp_path).values()) == 4, "not without being asked"
    assert main([*line, "--retry-failed"]) == 0
    assert set(measured(tmp_path).values()) == {1}
    assert len(measured(tmp_path)) == 8
    begun = payloads_of(read_ledger(tmp_path / "toy" / "ledger.jsonl"), ConditionBegun)
    assert Counter(record.number for record in begun) == {n: 2 if n % 2 else 1 for n in range(8)}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--seeds 0", "--seeds 0 cannot be used"),
        ("--loads a,b", "--loads"),
        ("--executor slurm", "--executor slurm cannot be used"),
        ("--executor local --workers 3", "--executor local and --workers 3 contradict each other"),
        ("--only-report --output nowhere", "There is no study in"),
        ("--ray-address nonsense", "nonsense"),
        ("--config nowhere.yaml", "cannot be read"),
        ("--executor local --tracking-uri sqlite:///no/such/folder/mlflow.db", "no/such/folder"),
        ("--executor local --tracking-uri ftp://host", "ftp://host"),
    ],
)
def test_bad_input_is_one_paragraph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error
    assert not (tmp_path / "toy").exists(), "nothing is begun"


@pytest.mark.slow
def test_a_study_is_mirrored_and_compare_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from cli.main import main as launch

    monkeypatch.chdir(tmp_path)
    assert main([*SMALL, "--executor", "local"]) == 0
    (record,) = read_studies(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert (record.study, record.measured, record.failed) == ("toy", 8, 0)
    capsys.readouterr()
    assert launch(["compare", "--json"]) == 0
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    assert [(row["study"], row["measured"]) for row in table["rows"]] == [("toy", 8)]
    assert launch(["sync", "toy"]) == 0
    assert launch(["resume", "toy"]) == 2
    assert "ablate toy" in capsys.readouterr().err
