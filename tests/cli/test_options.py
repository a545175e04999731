"""The command line as users and the published system write it; nothing is run."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import cli.running
from cli.main import main
from cli.spelling import normalise
from search.errors import ConfigError
from search.setup.config import RunConfig, make_config


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[RunConfig]:
    """Configurations that `search` would have run."""
    seen: list[RunConfig] = []

    monkeypatch.setattr(cli.running, "start_run", seen.append)
    monkeypatch.setattr(cli.running, "exit_code", lambda _: 0)
    return seen


def test_no_verb_is_the_demo(parsed: list[RunConfig]) -> None:
    assert main([]) == 0
    assert parsed == [RunConfig()]


def test_dashes_and_underscores_are_alike(parsed: list[RunConfig]) -> None:
    assert main(["search", "--target-macs", "2.06"]) == 0
    assert main(["search", "--target_macs=2.06"]) == 0
    assert parsed[0] == parsed[1]
    assert parsed[0].target_macs == "2.06"


COMMON = "--model resnet50 --dataset imagenet --data_path /path/to/imagenet --target_macs 2.06 "
PUBLISHED = [
    COMMON + "--llm_model claude-3-5-sonnet-20241022 --llm_temperature 0 --optimizer sgd --lr 0.08 --momentum 0.9 "
    "--weight_decay 0.0001 --batch_size 1024 --epochs 100",
    "--model convnext_small --target_macs 8.48 --dataset imagenet --data_path /path/to/imagenet",
    COMMON + "--llm_model gpt-4 --llm_temperature 0 --llm_max_tokens 1000 --max_revisions 100 --batch_size 256 "
    "--epochs 100",
]


@pytest.mark.parametrize("line", PUBLISHED)
def test_the_published_command_lines_parse(parsed: list[RunConfig], line: str) -> None:
    assert main(["search", *line.split()]) == 0
    assert main(line.split()) == 0
    assert parsed[0] == parsed[1]
    assert parsed[0].data_path == Path("/path/to/imagenet")
    if "llm_model" in line:
        assert parsed[0].arm == "llm"
        assert parsed[0].llm_temperature == 0


def test_the_command_line_wins_over_the_file(parsed: list[RunConfig], tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump({"model": "resnet50", "target-macs": 2.06, "epochs": 7, "band": "-3%,+2%"}))
    assert main(["search", "--config", str(file), "--epochs", "9"]) == 0
    assert (parsed[0].model, parsed[0].target_macs, parsed[0].finetune_changes(), parsed[0].band) == (
        "resnet50",
        "2.06",
        {"epochs": 9},
        (-0.03, 0.02),
    )


def test_every_field_is_an_option_and_survives_the_ledger(parsed: list[RunConfig]) -> None:
    line = ["search", "--no-mlflow", "--criteria", "l1", "--seed", "7", "--finetune-gpu", "--runs", "elsewhere"]
    assert main(line) == 0
    again = make_config(json.loads(json.dumps(parsed[0].model_dump(mode="json"))))
    assert again == parsed[0]
    assert again.finetune_gpu is True
    assert again.mlflow is False


def test_help_fits_a_screen_and_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) <= 26
    for verb in ("search", "resume", "profile", "finetune", "evaluate", "compare", "sync"):
        assert verb in text


def test_search_help_has_each_option_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "--help"]) == 0
    text = capsys.readouterr().out
    for name, field in RunConfig.model_fields.items():
        assert isinstance(field.json_schema_extra, dict)
        flag = str(field.json_schema_extra.get("flag", f"--{name.replace('_', '-')}"))
        assert len(re.findall(rf"--(\[no-\])?{flag[2:]}(?![-\w])", text)) == 1, name


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [([], ["search"]), (["--debug"], ["search", "--debug"]), (["-h"], ["--help"]), (["profile"], ["profile"])],
)
def test_the_verb_is_filled_in(arguments: list[str], expected: list[str]) -> None:
    assert normalise(arguments) == expected


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"modle": "x"}, "did you mean model"),
        ({"trials": 0}, "trials = 0 cannot be used"),
        ({"lr": "fast"}, "lr = 'fast' cannot be used"),
        ({"criteria": ""}, "criteria is empty"),
        ({"llm": "gpt-4", "proposer": "rules"}, "contradict each other"),
        ({"proposer": "llm"}, "needs a model"),
        ({"projection": False, "round_to": 8}, "contradict each other"),
        ({"mlflow": False, "tracking_uri": "http://x"}, "contradict each other"),
        ({"tracking_uri": "http://me:hunter2@host:5000"}, "holds a password"),
        ({"optimizer": "lion"}, "optimizer = 'lion'"),
        ({"executor": "slurm"}, "executor = 'slurm'"),
        ({"finetune_workers": "8-2"}, "finetune_workers = '8-2' cannot be used: 8-2 is no range of workers"),
        ({"finetune_workers": "some"}, "finetune_workers = 'some' cannot be used: it must be a number of workers"),
        ({"executor": "local", "finetune_workers": "1-2"}, "--executor local and --finetune-workers 1-2 contradict"),
        ({"executor": "local", "workers": 2}, "--executor local and --workers 2 contradict"),
        ({"executor": "local", "ray_address": "auto"}, "--ray-address auto contradict"),
    ],
)
def test_a_field_that_cannot_be_used_is_explained(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_config(fields)
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)
