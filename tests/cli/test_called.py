"""What the program calls itself, and what it says of its version."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.called import as_called, program
from cli.console import error_console
from cli.main import main
from ground.rooms import HOME
from ground.version import DISTRIBUTION, VERSION
from pruning.importance.names import CRITERION_NAMES
from pruning.importance.registry import CRITERIA
from search.setup.base_source import BUILT_IN
from search.setup.config import RunConfig
from tests.cli.launched import plant_namesakes


def test_the_version_is_told_without_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith(f"{DISTRIBUTION} {VERSION}")


def test_the_installed_command_works_where_pythonpath_names_a_project_with_our_names(tmp_path: Path) -> None:
    plant_namesakes(tmp_path)
    start = f"import sys; sys.path.append({str(HOME)!r}); from espalier_command import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", start, "--version"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{DISTRIBUTION} {VERSION}")


@pytest.mark.parametrize(
    ("called", "usage", "again"),
    [
        ("/opt/tools/bin/espalier", "espalier", "espalier"),
        ("elsewhere/launch.py", "launch.py", "python elsewhere/launch.py"),
    ],
)
def test_usage_and_hints_say_the_name_that_one_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], called: str, usage: str, again: str
) -> None:
    monkeypatch.setattr(sys, "argv", [called])
    assert main(["evaluate"]) == 2
    assert f"See `{usage} evaluate --help`" in capsys.readouterr().err
    assert program() == again


def test_a_hint_of_any_room_is_said_as_called(monkeypatch: pytest.MonkeyPatch) -> None:
    hint = "see `launch.py search --help`, or make one with `python launch.py search`."
    assert as_called(hint) == hint
    monkeypatch.setattr(sys, "argv", ["/bin/espalier"])
    assert as_called(hint) == "see `espalier search --help`, or make one with `espalier search`."


def test_the_help_names_what_there_is() -> None:
    """`--help` imports no torch, and therefore has lists of its own."""
    assert tuple(CRITERIA) == CRITERION_NAMES
    fields = RunConfig.model_fields
    assert all(name in str(fields["criteria"].description) for name in CRITERIA)
    assert "default: train for digits and shapes, else pretrained" in str(fields["base"].description)
    assert {"digits", "shapes"} == BUILT_IN


def test_no_word_of_a_line_is_broken_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from cli.console import say_error, say_note

    error_console.cache_clear()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(type(error_console()), "is_terminal", True)
    monkeypatch.setattr(error_console(), "_width", 40)
    text = "the checkpoint of this run was made with " + "x" * 60 + " and then `python launch.py evaluate` shows it"
    say_error("Error:", text)
    lines = capsys.readouterr().err.rstrip("\n").split("\n")
    assert " ".join(line.rstrip() for line in lines).endswith(text), "nothing is lost"
    assert all(len(line.rstrip()) <= 40 for line in lines if "x" * 60 not in line)
    assert "and then `python launch.py evaluate`" in lines, "a command stays on one line"
    say_note("  python launch.py resume '" + "a b " * 20 + "'")
    assert capsys.readouterr().err.count("\n") == 1, "a command to be pasted is one line"
    error_console.cache_clear()
