"""The verb `ablate heads`: the source's options, and the folder of a study that names none."""

from pathlib import Path
from typing import Any

import pytest

from ablations.floor.options import make_options
from ablations.heads.options import HeadsOptions
from cli.main import main
from tracking.kinds import RunStatus
from tracking.ledger import Ledger
from tracking.study_payloads import StudyEnded

Asked = list[dict[str, Any]]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What the verb asks for; nothing is measured."""
    calls: Asked = []

    def run_study(study: object, output: Path, given: dict[str, Any], **rest: Any) -> None:
        calls.append({"output": output, "given": given, **rest})

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cli.ablate.heads.run_study", run_study)
    return calls


@pytest.mark.parametrize("spelled", [str, lambda flag: flag.replace("_", "-")])
def test_the_source_s_options_are_taken_in_both_spellings(asked: Asked, spelled: Any) -> None:
    line = {
        "--model_name": "distilgpt2", "--device": "cpu", "--precision": "bfloat16", "--pruning_levels": "0,30",
        "--pruning_method": "entropy,gradient", "--temperatures": "0.7", "--num_tokens": "20", "--iterations": "2",
        "--prompt_file": "prompts.txt", "--max_prompts": "4", "--batch_size": "2", "--output_dir": "there",
    }  # fmt: skip
    flags = ["--save_outputs", "--memory_logging", "--visualize_only", "--structural"]
    words = [word for flag, value in line.items() for word in (spelled(flag), value)]
    assert main(["ablate", "heads", *words, *map(spelled, flags)]) == 0
    (call,) = asked
    assert (call["output"], call["only_report"]) == (Path("there"), True)
    options = make_options(HeadsOptions, {n: v for n, v in call["given"].items() if n in HeadsOptions.model_fields})
    assert (options.model_name, options.precision, options.all_seeds) == ("distilgpt2", "bfloat16", (42, 43))
    assert (options.pruning_levels, options.pruning_method) == ((0, 30), ("entropy", "gradient"))
    assert options.structural
    assert options.save_outputs


def test_without_a_folder_it_goes_on_in_the_newest_until_that_is_over(asked: Asked, tmp_path: Path) -> None:
    root = tmp_path / "validation_results" / "pruning_agency"
    assert main(["ablate", "heads"]) == 0
    assert asked[-1]["output"].name.startswith("run_")
    assert not root.exists(), "nothing was begun"
    begun = root / "run_20260101_000000"
    begun.mkdir(parents=True)
    with Ledger.create(begun / "ledger.jsonl") as ledger:
        assert main(["ablate", "heads"]) == 0
        assert asked[-1]["output"].resolve() == begun == (root / "latest").resolve()
        ledger.record(StudyEnded(status=RunStatus.FINISHED, measured=1, failed=0, error=None))
    assert main(["ablate", "heads", "--visualize_only"]) == 0
    assert asked[-1]["output"].resolve() == begun, "its report is made again"
    assert main(["ablate", "heads"]) == 0
    assert asked[-1]["output"].name > begun.name
    assert (root / "latest").resolve() == begun, "what was not begun is not the latest"
    assert {path.name for path in root.iterdir()} == {begun.name, "latest"}


def test_bad_input_is_one_paragraph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ablate", "heads", "--pruning_levels", "0,130", "--output_dir", str(tmp_path / "there")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Error: --pruning-levels 130 cannot be used: ")
    assert "Traceback" not in said
    assert not (tmp_path / "there").exists()
