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


def launched(folder: Path, line: str, **names: object) -> subprocess.CompletedProcess[str]:
    """Run a line in a process of its own, without a network."""
    words = line.format(model=TINY, data=folder / "imagenet", folder=folder, **names).split()
    return subprocess.run(
        [sys.executable, str(ROOT / "launch.py"), *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_search_finetune_and_evaluate(folder: Path) -> None:
    searched = launched(folder, f"{SEARCH} {QUICKLY}")
    assert searched.returncode == 0, searched.stderr
    run = next((folder / "runs").iterdir())
    summary = json.loads((run / "summary.json").read_text())
    assert summary["llm"] == "scripted:any"
    said = searched.stdout + searched.stderr
    assert TRUNCATED in said, "an image that cannot be read is named where it is left out"

    small = ("--input-size", "32")
    again = launched(folder, f"evaluate --checkpoint {run}/model --data_path {{data}} --dataset imagenet --json")
    assert again.returncode == 0, again.stderr
    found = json.loads(again.stdout)
    assert found["accuracy"] == summary["winner"]["accuracy"], "the digit that the search reported"
    assert (found["total"], found["macs"]) == (3008, summary["winner"]["macs"])

    weights = folder / "finetuned_clean.pth"
    torch.save(torch.load(folder / "base.pth", weights_only=True)["state_dict"], weights)
    for line in (EVAL_AGENT, EVALUATE):
        done = launched(folder, f"{line} {' '.join(small)}", model_file=weights)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["input_size"] == [3, 32, 32]
        assert json.loads(done.stdout)["accuracy_top5"] is not None


def test_without_weights_and_without_a_key_it_says_what_would_work(folder: Path) -> None:
    asked = launched(folder, SEARCH.replace("scripted:any", "claude-3-5-sonnet-20241022"))
    assert asked.returncode == 2
    assert "ANTHROPIC_API_KEY" in asked.stderr
