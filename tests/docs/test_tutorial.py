"""The tutorial, from its first command to its last, exactly as the page has them."""

import json
import runpy
import shlex
import sys
from pathlib import Path

import pytest

from cli.main import main
from search.outcome.summary import read_summary
from tests.docs.pages import commands_in, files_in, snippets_in

PAGE = "tutorial.md"
pytestmark = pytest.mark.slow


def run(line: str) -> None:
    """Run a command in this process, as a shell would in one of its own: imports are paid for once."""
    program, *words = shlex.split(line)
    assert program in ("python", "espalier"), line
    if program == "python":
        runpy.run_path(words[0], run_name="__main__")
    else:
        assert main(words) == 0, line


def test_every_command_works_in_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["espalier"])
    for name, text in files_in(PAGE).items():
        Path(name).write_text(text, encoding="utf-8")
    commands = commands_in(PAGE)
    assert [shlex.split(line)[:2] for line in commands if line.startswith("espalier")] == [
        ["espalier", verb] for verb in ("profile", "search", "search", "compare", "evaluate", "latency", "export")
    ]
    try:
        for line in commands:
            run(line)
        said = capsys.readouterr().out
        for snippet in snippets_in(PAGE):
            exec(compile(snippet, PAGE, "exec"), {})  # noqa: S102  what the page shows
    finally:
        sys.modules.pop("my_model", None)

    assert "base model read from my_model.pth" in said
    assert "rules" in said
    assert "the best mean test accuracy" in said
    assert "it is better than" not in said, "one run of each arm shows no difference"
    first, second = (read_summary(path) for path in sorted(Path("runs").glob("2*/summary.json")))
    assert {first.proposer, second.proposer} == {"rules", "uniform"}
    for summary in (first, second):
        assert summary.winner is not None
        assert summary.target_macs is not None
        assert summary.baseline is not None
        assert summary.winner.macs <= summary.target_macs
        assert summary.winner.accuracy is not None
        assert summary.baseline.accuracy is not None
        assert summary.baseline.accuracy > 0.8
        assert summary.winner.accuracy > 0.6, "the page promises a model that works"
    assert {path.name for path in Path("exported").iterdir()} >= {"model.pt2", "MODEL_CARD.md"}
    assert json.loads(Path("comparison/tables.json").read_text())["tables"]
