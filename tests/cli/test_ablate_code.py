"""`ablate code`: the plan, and the two calls of the published tool with a scripted model."""

import json
from pathlib import Path

import pytest

from cli.main import main
from llm_clients.scripted.script import PerMillion, Script

SOURCE = "import torch\nx = torch.relu(x)  #ABLATABLE_COMPONENT\n#ABLATION_HINT_START\ny = f(x)\n#ABLATION_HINT_END\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a script, a model that answers, and no key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "base.py").write_text(SOURCE)
    (tmp_path / "code" / "picture.png").write_bytes(b"")
    (tmp_path / "error.log").write_text("Traceback: boom")
    script = Script(answers=("the answer",), price=PerMillion(input_per_million=2, output_per_million=3))
    (tmp_path / "script.json").write_text(script.model_dump_json())
    return tmp_path


def test_the_plan_lists_components_and_the_largest_cost_and_needs_no_key(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ablate", "code", "plan", "code", "--llm", "claude-sonnet-4-5", "--prompts"]) == 0
    shown = capsys.readouterr()
    for words in (
        "code.base:x",
        "explicit",
        "code.base:y",
        "hint",
        "at most 6 calls (3 per component)",
        "Write the patch",
    ):
        assert words in shown.out
    assert "with claude-sonnet-4-5" in shown.out
    assert "left out: code/picture.png (not supported: .png)" in shown.err


def test_the_plan_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["ablate", "code", "plan", "code/base.py", "--attempts", "1", "--max-tokens", "100", "--json"]
    assert main([*arguments, "--llm", "scripted:script.json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [part["name"] for part in plan["components"]] == ["code.base:x", "code.base:y"]
    assert (plan["calls_at_most"], plan["output_tokens_at_most"]) == (2, 200)
    assert plan["cost_usd_at_most"] == pytest.approx((plan["input_tokens_at_most"] * 2 + 200 * 3) / 1e6)


def test_the_first_call_keeps_the_raw_answer(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["ablate", "code", "first-call", "HuggingFaceH4/zephyr-7b-beta", "-d", "code", "--max-cost", "1"]
    assert main([*arguments, "--llm", "scripted:script.json"]) == 0
    shown = capsys.readouterr()
    assert "ablationmage_outputs/first-call-001.md" in shown.out
    assert "$" in shown.out
    assert (folder / "ablationmage_outputs" / "first-call-001.md").read_text() == "the answer"
    record = json.loads((folder / "ablationmage_outputs" / "first-call-001.json").read_text())
    assert record["chat_template"] == "HuggingFaceH4/zephyr-7b-beta"
    assert SOURCE in record["request"]["messages"][0]["content"]


@pytest.mark.parametrize(
    "given", [["-o", "error.log"], ["error.log"], ["zephyr", "error.log"], ["zephyr", "-o", "error.log"]]
)
def test_the_follow_up_call_takes_the_error_output_in_both_ways(folder: Path, given: list[str]) -> None:
    arguments = ["ablate", "code", "followup-call", *given, "-d", "code/base.py", "--llm", "scripted:script.json"]
    assert main(arguments) == 0
    record = json.loads((folder / "ablationmage_outputs" / "followup-call-001.json").read_text())
    assert record["chat_template"] == ("zephyr" if "zephyr" in given else None)
    assert "Traceback: boom" in record["request"]["messages"][0]["content"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("plan missing.py", "There is no file or folder 'missing.py'."),
        ("plan error.log", "'error.log' is no document"),
        ("plan code --llm scripted:nothing.json", "cannot read the script 'nothing.json'"),
        ("first-call -d code", "No model was named"),
        ("first-call -d code -a anthropic -m claude-sonnet-4-5", "ANTHROPIC_API_KEY"),
        ("first-call -d code -a bard -m x", "-a 'bard' is no vendor"),
        ("first-call --llm scripted:script.json", "No document was given"),
        ("first-call -d code --llm scripted:script.json --max-cost 0.000001", "over_budget"),
        ("first-call -d code --llm scripted:script.json --max-cost -1", "--max-cost must be positive"),
        ("followup-call -d code --llm scripted:script.json", "No error output was given"),
        ("followup-call a b c -d code --llm scripted:script.json", "received 'a b c'"),
        ("followup-call nothing.log -d code --llm scripted:script.json", "There is no file 'nothing.log'."),
    ],
)
def test_bad_input_is_one_paragraph(folder: Path, capsys: pytest.CaptureFixture[str], line: str, words: str) -> None:
    assert main(["ablate", "code", *line.split()]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert words in shown
    assert "Traceback (most" not in shown


def test_a_script_without_marks_says_how_to_mark(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bare.py").write_text("x = 1\n")
    assert main(["ablate", "code", "plan", "bare.py"]) == 2
    assert "Nothing is marked in bare.py." in capsys.readouterr().err
