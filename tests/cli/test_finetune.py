"""The verb `finetune` takes GPUs, nodes and ranges of workers as a search does."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cli.main import main
from cli.pasted import evaluate_line
from pruning.checkpoint import save_pruned
from pruning.models import ModelSpec
from pruning.planning import build_plan
from search.execution.survey import finetune_session
from search.setup.config import RunConfig, make_config
from search.setup.resources import Machines, Needs, Node
from tests.trainers.pruned import pruned_checkpoint
from trainers.base import initial_model
from trainers.defaults import finetune_recipe
from trainers.devices import CPU
from trainers.job import STARTED, FinetuneJob, FinetuneResult, run_job
from trainers.place import Place
from trainers.workers import Workers

SMALL = "tests.trainers.small:plain_net"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pruned_checkpoint(tmp_path_factory.mktemp("pruned"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The configuration that a session is opened for, and what is trained in it; nothing is."""
    asked: list[Any] = []

    @contextmanager
    def session(config: RunConfig) -> Iterator[tuple[Workers, bool]]:
        asked.append(config)
        yield Workers(2, 8), True

    def train(*given: Any, **options: Any) -> FinetuneResult:
        asked.append({"recipe": given[3], **options})
        return FinetuneResult(options["out_dir"] / "model", (), 1.0, 3, completed=True)

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("search.execution.survey.finetune_session", session)
    monkeypatch.setattr("trainers.finetune.finetune", train)
    return asked


def test_it_has_the_gpu_options_of_a_search(
    checkpoint: Path, tmp_path: Path, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--workers", "2-8", "--finetune-gpu", "--wait-for-nodes", "30", "--epochs", "1")
    assert main(["finetune", "--checkpoint", str(checkpoint), "--out", str(tmp_path / "out"), *more]) == 0
    config, options = asked
    assert (config.finetune_workers, config.finetune_gpu, config.wait_for_nodes) == (Workers(2, 8), True, 30.0)
    assert config.cluster is None
    assert (options["workers"], options["use_gpu"], options["recipe"].epochs) == (Workers(2, 8), True, 1)
    said = capsys.readouterr().out
    assert "training on 2 to 8 workers, each with a GPU" in said
    assert "on 3 workers in 1.0 s" in said
    model = tmp_path / "out" / "model"
    assert f"test it: python launch.py evaluate --checkpoint {model} --dataset digits\n" in said
    assert evaluate_line(model, "imagefolder", Path("my data")).endswith("imagefolder --data-path 'my data'")


def test_what_is_no_number_of_workers_is_refused(
    checkpoint: Path, tmp_path: Path, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["finetune", "--checkpoint", str(checkpoint), "--out", str(tmp_path / "out"), "--workers", "8-2"]) == 2
    assert "--workers '8-2' cannot be used" in " ".join(capsys.readouterr().err.split())
    assert asked == []


@pytest.mark.ray
@pytest.mark.parametrize("what", ["other images", "another label", "more classes"])
def test_what_another_folder_began_is_not_gone_on_with(
    ray_session: None, tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through the command line, before a worker starts."""
    data, out, checkpoint = write_images(tmp_path / "data", 0), tmp_path / "out", small_checkpoint(tmp_path / "small")
    recipe = finetune_recipe("imagefolder", batch_norm=False, images=None).override(epochs=1, batch_size=4)
    out.mkdir()
    begun = FinetuneJob(
        checkpoint_dir=checkpoint, dataset="imagefolder", data_path=data, recipe=recipe, seed=42, out_dir=out,
        trusted=(SMALL,),
    )  # fmt: skip
    run_job(begun, Place(CPU))
    told = "the training images or their labels differ. Delete it"
    if what == "other images":
        data = write_images(tmp_path / "other", 1)
    elif what == "another label":
        (data / "train" / "a" / "0.png").rename(data / "train" / "b" / "moved.png")
    else:
        shutil.copytree(data / "train" / "a", data / "train" / "c")
        shutil.copytree(data / "val" / "a", data / "val" / "c")
        told = "has 2 classes, the dataset 'imagefolder' has 3"
    given = ("--dataset", "imagefolder", "--data-path", str(data), "--epochs", "1", "--batch-size", "4")
    named = ("--checkpoint", str(checkpoint), "--out", str(out), "--trust-factory", SMALL, "--workers", "1")
    assert main(["finetune", *named, *given]) == 2
    assert told in " ".join(capsys.readouterr().err.split())
    assert not (out / STARTED).exists()


def small_checkpoint(folder: Path) -> Path:
    """A whole network for two classes."""
    spec = ModelSpec(SMALL, 2, (3, 16, 16))
    model = initial_model(spec, 0)
    plan = build_plan(model, spec, verify=False)
    return save_pruned(model, plan, tuple(tuple(range(group.units)) for group in plan.groups), folder)


def write_images(folder: Path, seed: int) -> Path:
    """Two classes of noise, `a` and `b`; the sizes of the files differ with the seed."""
    rng = np.random.default_rng(seed)
    for place in ("train/a", "train/b", "val/a", "val/b"):
        (folder / place).mkdir(parents=True)
        for number in range(8):
            Image.fromarray(rng.integers(0, 256, (20, 20 + seed, 3), dtype=np.uint8)).save(
                folder / place / f"{number}.png"
            )
    return folder


@pytest.mark.parametrize(
    ("options", "workers", "gpu"),
    [({}, Workers(4, 4), True), ({"finetune_gpu": False}, Workers(2, 2), False)],
)
def test_without_a_word_it_takes_the_gpus_of_the_machine(
    options: dict[str, Any], workers: Workers, gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Needs] = []

    @contextmanager
    def session(address: str | None, needs: Needs) -> Iterator[None]:
        assert address is None
        started.append(needs)
        yield

    monkeypatch.setattr("search.execution.survey.this_machine", lambda: Machines((Node(16, 4),)))
    monkeypatch.setattr("search.execution.survey.ray_session", session)
    with finetune_session(make_config(options)) as found:
        assert found == (workers, gpu)
    assert started == [Needs(0, 1.0, 0.0, workers, gpu)]
