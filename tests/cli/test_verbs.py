"""A verb is one file and one line, and costs nothing until it is asked for."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.ablate import STUDIES
from cli.ablate.code import VERBS as CODE_VERBS
from cli.lazy import Verb, load_command
from cli.main import main
from cli.verbs import VERBS
from tests.cli.launched import ROOT

SLOW = {"torch", "ray", "mlflow", "timm", "matplotlib"}
PLANTED = '''"""The verb `greet`."""

from typing import Annotated

import typer

from cli.console import say


def command(name: str, loud: Annotated[bool, typer.Option("--loud", help="In capitals.")] = False) -> None:
    """Say hello, and exit with 7."""
    say(f"hello {name.upper() if loud else name}")
    raise typer.Exit(7)
'''
LINE = '    Verb("greet", "cli.greet", "Say hello."),\n'


def run_in(folder: Path, *lines: str) -> tuple[list[int], str, set[str]]:
    """Run `launch.py` with each line, in one new process where `cli` is the one in `folder`, if it has one.

    Returns:
        The exit codes, all output, and the names of the modules that were imported.
    """
    code = (
        "import json, sys\n"
        "from launch import main\n"
        f"codes = [main(line.split()) for line in {lines!r}]\n"
        "json.dump([codes, sorted(sys.modules)], open('seen.json', 'w'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PYTHONPATH": f"{folder}:{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    codes, loaded = json.loads((folder / "seen.json").read_text())
    return codes, done.stdout + done.stderr, set(loaded)


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A copy of the command line with one more file and one more line."""
    shutil.copytree(ROOT / "cli", tmp_path / "cli")
    (tmp_path / "cli" / "greet.py").write_text(PLANTED)
    table = tmp_path / "cli" / "verbs.py"
    whole = table.read_text()
    assert whole.endswith("\n)\n")
    table.write_text(whole.removesuffix(")\n") + LINE + ")\n")
    return tmp_path


def test_a_new_verb_is_one_file_and_one_line(planted: Path) -> None:
    codes, text, _ = run_in(planted, "--help", "greet --help", "greet you --loud", "greed")
    assert codes == [0, 0, 7, 2]
    for words in ("Say hello.", "Say hello, and exit with 7.", "--loud", "hello YOU\n", "Did you mean 'greet'?"):
        assert words in text


@pytest.mark.parametrize("verb", [*VERBS, *STUDIES, *CODE_VERBS], ids=lambda verb: verb.module)
def test_every_line_names_a_file_with_its_command(verb: Verb) -> None:
    command = load_command(verb)
    assert command.help, "the docstring of `command` is the verb's --help"
    assert verb.name.replace("-", "_") == verb.module.rpartition(".")[2]


def test_every_verb_file_is_in_the_table() -> None:
    studies = {path.stem for path in (ROOT / "cli" / "ablate").iterdir() if _has_command(path)} - {"__init__"}
    assert studies == {verb.name for verb in STUDIES}
    of_code = {path.stem for path in (ROOT / "cli" / "ablate" / "code").iterdir() if _has_command(path)} - {"__init__"}
    assert of_code == {verb.name.replace("-", "_") for verb in CODE_VERBS}
    verbs = {path.name.removesuffix(".py") for path in (ROOT / "cli").iterdir() if _has_command(path)}
    assert verbs == {verb.name for verb in VERBS}


def _has_command(path: Path) -> bool:
    file = path / "__init__.py" if path.is_dir() else path
    return file.exists() and any(line.startswith(("def command(", "command = ")) for line in file.open())


def test_the_list_of_verbs_imports_none_of_them(tmp_path: Path) -> None:
    codes, _, loaded = run_in(tmp_path, "--help", "serch")
    assert codes == [0, 2]
    assert loaded & SLOW == set()
    assert loaded & {verb.module for verb in VERBS} == set()


def test_help_and_a_misspelt_option_import_nothing_slow(tmp_path: Path) -> None:
    verbs = [verb.name for verb in VERBS if verb.name != "ablate"] + [f"ablate {study.name}" for study in STUDIES]
    verbs += [f"ablate code {verb.name}" for verb in CODE_VERBS]
    lines = [f"{verb} {option}" for verb in verbs for option in ("--help", "--no-such-option")]
    codes, text, loaded = run_in(tmp_path, *lines)
    assert codes == [0, 2] * len(verbs), text
    assert loaded & SLOW == set()
    assert "│ --[no-]base-checkpointing " in text
    assert not re.findall(r"--[a-z-]+…", text), "at 80 columns every name is whole"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("serch", "No such command 'serch'. Did you mean 'search'?"),
        ("nonsense", "No such command 'nonsense'."),
        ("ablate llms", "No such command 'llms'. Did you mean 'llm'?"),
        ("search --trails 3", "No such option: --trails (Possible options: --eta, --prices, --trials)"),
        ("doctor --jsn", "No such option: --jsn (Possible options: --json)"),
        ("evaluate", "Missing option '--checkpoint'."),
        ("resume one two", "Got unexpected extra argument(s) (two)"),
    ],
)
def test_a_misspelt_line_is_bad_input_with_a_near_miss(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: str, words: str
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert main(line.split()) == 2
    assert words in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_a_group_without_a_study_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ablate"]) == 2
    assert "Which LLM proposes best" in capsys.readouterr().out
