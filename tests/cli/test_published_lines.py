"""The command lines of the published system, with only the script's name replaced, on a folder of awkward files.

One small network stands in for ResNet-50, few classes and few epochs for ImageNet's; the words of the lines are theirs.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cli.main import main
from pruning.models import ModelSpec, create_model
from tests.cli.awkward_tree import TRUNCATED, make_tree
from tests.cli.launched import ROOT
from tests.published import TINY

CLASSES = 1000
SEARCH = (
    "search --model {model} --dataset imagenet --data_path {data} --target_macs 50% --llm_model scripted:any "
    "--llm_temperature 0 --optimizer sgd --lr 0.08 --momentum 0.9 --weight_decay 0.0001 --batch_size 1024 --epochs 1"
)
QUICKLY = "--base {folder}/base.pth --input_size 32 --trials 1 --criteria l2 --executor local --no-mlflow"
EVAL_AGENT = (
    "evaluate --checkpoint {model_file} --model {model} --dataset imagenet --data_path {data} --batch_size 256 --json"
)
EVALUATE = "evaluate --model {model} --checkpoint {model_file} --data_path {data} --json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    make_tree(folder / "imagenet", classes=CLASSES, each=3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = create_model(ModelSpec(TINY, CLASSES, (3, 32, 32)))
    torch.save({"state_dict": module.state_dict()}, folder / "base.pth")
    return folder


def launched(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line in a process of its own, without a network."""
    return subprocess.run(
        [sys.executable, str(ROOT / "launch.py"), *words_of(folder, line)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub")},
        capture_output=True,
        text=True,
        check=False,
    )


def words_of(folder: Path, line: str, **names: object) -> list[str]:
    return line.format(model=TINY, data=folder / "imagenet", folder=folder, **names).split()


@pytest.mark.slow
def test_search_and_evaluate(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(folder)
    assert main(words_of(folder, f"{SEARCH} {QUICKLY}")) == 0
    searched = capsys.readouterr()
    run = next((folder / "runs").iterdir())
    summary = json.loads((run / "summary.json").read_text())
    assert summary["llm"] == "scripted:any"
    assert TRUNCATED in searched.out + searched.err, "what cannot be read is named where it is left out"

    fresh = launched(folder, f"evaluate --checkpoint {run}/model --data_path {{data}} --dataset imagenet --json")
    assert fresh.returncode == 0, fresh.stderr
    found = json.loads(fresh.stdout)
    assert found["accuracy"] == summary["winner"]["accuracy"], "the digit that the search reported"
    assert (found["total"], found["macs"]) == (3 * CLASSES + 8, summary["winner"]["macs"])

    for line in (EVAL_AGENT, EVALUATE):
        weights = folder / "base.pth"
        assert main([*words_of(folder, line, model_file=weights), "--input-size", "32"]) == 0
        scored = json.loads(capsys.readouterr().out)
        assert (scored["input_size"], scored["total"]) == ([3, 32, 32], found["total"])
        assert scored["accuracy"] <= scored["accuracy_top5"]


def test_without_a_key_it_says_what_would_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert main(words_of(folder, SEARCH.replace("scripted:any", "claude-3-5-sonnet-20241022"))) == 2
    assert "ANTHROPIC_API_KEY" in capsys.readouterr().err
