"""`ablate code run`: from the plan to the page, with a scripted model and without one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ablations.floor.journal import prepared_in
from cli.main import main
from llm_clients.scripted.script import PerMillion, Script
from sandbox.backends.bwrap import Bwrap
from tests.ablations.code.small import BEND, FILE, SCRIPT, SLOPE, broken, right
from tests.sandbox.conftest import needed
from tracking.reader import read_ledger

RUN = ("ablate", "code", "run", FILE, "--executor", "local", "--no-mlflow", "--output", "out", "--seeds", "1")


@pytest.fixture(scope="module")
def sandboxed() -> None:
    needed(Bwrap())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a script and a model that needs two attempts at the first component."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr("ablations.floor.reporting.draw_figure_plots", lambda *_: ())
    (tmp_path / FILE).write_text(SCRIPT)
    answers = (broken(SLOPE), right(SLOPE), right(BEND))
    replies = {"Write a short analysis of the ablation study": "The slope matters most."}
    script = Script(answers=answers, replies=replies, price=PerMillion(input_per_million=2, output_per_million=3))
    (tmp_path / "model.json").write_text(script.model_dump_json())
    return tmp_path


@pytest.mark.usefixtures("sandboxed")
def test_with_a_model_and_by_rule_the_effects_are_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--llm", "scripted:model.json", "--yes", "--analysis"]) == 0
    shown = capsys.readouterr().out
    for words in ("line:slope", "at most 6 calls (3 per component)", "4 conditions", "attempt 1 ($", "attempt 2 ($"):
        assert words in shown
    assert "What becomes of error without line:slope? Inconclusive: error" in shown
    assert "The patches were written by scripted:model.json." in (folder / "out" / "report.html").read_text()
    assert main([*RUN[:-3], "ruled", "--seeds", "1", "--yes", "--json"]) == 0
    ruled = json.loads(capsys.readouterr().out)
    assert main(["ablate", "code", "run", "--only-report", "--output", "out", "--json"]) == 0
    asked = json.loads(capsys.readouterr().out)
    assert _table(asked, "conditions") == _table(ruled, "conditions")
    before = (folder / "out" / "ledger.jsonl").read_bytes()
    assert main([*RUN, "--llm", "scripted:model.json", "--yes", "--analysis"]) == 0
    assert (folder / "out" / "ledger.jsonl").read_bytes() == before, "all is done"
    prepared = prepared_in(read_ledger(folder / "out" / "ledger.jsonl"))
    assert [key for key in prepared if key.startswith("asked/")] == [
        f"asked/{name}/{number}/1" for name, number in ((SLOPE, 1), (SLOPE, 2), (BEND, 1), ("analysis", 1))
    ]
    assert "The slope matters most." in (folder / "out" / "report.html").read_text()
    (folder / FILE).write_text(SCRIPT + "# another one\n")
    assert main([*RUN, "--llm", "scripted:model.json", "--yes"]) == 2
    assert "was begun with --scripts line.py#" in " ".join(capsys.readouterr().err.split())


def _table(document: dict[str, object], key: str) -> object:
    tables = document["tables"]
    assert isinstance(tables, list)
    return next(table["rows"] for table in tables if table["key"] == key)


def test_run_says_what_plan_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [
        FILE,
        "--llm",
        "scripted:model.json",
        "--attempts",
        "2",
        "--max-tokens",
        "500",
        "--features",
        "slope,level",
    ]
    assert main(["ablate", "code", "plan", *given]) == 0
    plan = capsys.readouterr().out
    assert main(["ablate", "code", "run", *given]) == 2
    run = capsys.readouterr()
    assert "there is no terminal to ask on" in " ".join(run.err.split())
    costs = [next(line for line in out.splitlines() if "calls" in line) for out in (plan, run.out)]
    assert costs[0] == costs[1]
    assert "at most 4 calls (2 per component)" in costs[0]
    assert plan.split("For each one")[0] == run.out.split("at most 4")[0]
    assert not (folder / "ablation-code").exists()


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Let a user at a terminal approve the plan, or not."""

    def says(yes: bool) -> None:
        monkeypatch.setattr("cli.ablate.code.run.is_asked_on_a_terminal", lambda: True)
        monkeypatch.setattr("typer.confirm", lambda *_, **__: yes)

    return says


def test_a_plan_that_is_declined_runs_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], answer: Callable[[bool], None]
) -> None:
    answer(False)
    assert main([*RUN]) == 1
    assert "Nothing was run." in capsys.readouterr().out
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("--yes --without-llm --llm gpt-4", "--without-llm and the model gpt-4 contradict each other"),
        ("--yes --analysis", "--analysis needs a model"),
        ("--yes --sandbox none", "--sandbox none runs code that a model wrote with your own rights"),
        ("--yes --sandbox chroot", "--sandbox chroot cannot be used"),
        ("--yes --layers conv", "No layer 'conv' is made in the scripts"),
        ("--yes --features weight", "has the feature 'weight'; they have: slope, bend, level."),
        ("--yes --arguments 5", "{seed} has to be in it"),
        ("--yes --metric accuracy", "--metric accuracy is not reported; the scripts report: error."),
        ("--yes --llm scripted:none.json", "cannot read the script 'none.json'"),
        ("--yes --script other.py", "--script other.py is none of the scripts"),
        ("--json", "there is no terminal to ask on"),
    ],
)
def test_bad_input_is_one_paragraph_and_nothing_begins(
    folder: Path, capsys: pytest.CaptureFixture[str], more: str, words: str
) -> None:
    assert main([*RUN, *more.split()]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert words in shown
    assert "Traceback (most" not in shown
    assert not (folder / "out").exists()
