"""A classifier whose logits lie inside something else goes the whole way, and one without logits is refused at once."""

import dataclasses
from pathlib import Path

import pytest
import torch

from pruning.checkpoint import load_pruned, save_pruned
from pruning.export import ExportFormat, export
from pruning.models import create_model
from pruning.outputs import tensors_of
from pruning.projection import project
from search.errors import ConfigError
from search.setup.base_model import obtain_base
from search.setup.base_source import BaseSource, SourceKind
from search.setup.config import make_config
from search.setup.preparation import Prepared, prepare
from search.setup.search_ground import load_base, make_ground
from trainers.datasets.base import Splits
from trainers.datasets.memory import TensorSplit
from trainers.evaluate import evaluate
from trainers.job import FinetuneJob, run_job
from trainers.place import Place
from trainers.proxy import proxy_rungs

MODELS = "tests.trainers.structured"
CPU = torch.device("cpu")


def prepared(model: str, output: str | None = None) -> Prepared:
    return prepare(make_config({"model": f"{MODELS}:{model}", "output": output, "target_macs": "50%", "seed": 0}))


@pytest.mark.parametrize(
    ("model", "output"),
    [("nested", None), ("mapped", None), ("told", None), ("hugging_face", None), ("twins", "fine")],
)
def test_from_preparation_to_export(model: str, output: str | None, tmp_path: Path) -> None:
    ready = prepared(model, output)
    assert ready.spec.output == output
    splits = fewer(ready.splits())
    ground = make_ground(ready, splits, load_base(ready, splits, epochs=1))
    allocation = project(ready.plan, ready.plan.full(), ready.budget.target_macs).allocation
    pruned, selection = ground.cut("taylor", tuple(allocation))
    assert shapes(pruned) == shapes(ground.base.module)
    folder = save_pruned(pruned, ready.plan, selection, tmp_path / "pruned")
    recipe = ready.proxy_recipe.model_copy(update={"rungs": (0, 1)})
    rungs = proxy_rungs(pruned, ground.data, recipe, seed=0, device=CPU, output=output)
    assert [rung.epochs for rung in rungs] == [0, 1]

    (tmp_path / "out").mkdir()
    once = ready.recipe.override(epochs=1, train_on_holdout=False)
    job = FinetuneJob(
        checkpoint_dir=folder,
        dataset="digits",
        recipe=once,
        seed=0,
        out_dir=tmp_path / "out",
        trusted=(ready.spec.name,),
    )
    outcome = run_job(job, Place(CPU))
    tuned = load_pruned(tmp_path / "out" / "model", trusted=(ready.spec.name,))
    assert tuned.spec == ready.spec
    holdout = ready.dataset.splits(seed=0).holdout
    assert evaluate(tuned.module, holdout, output=output).accuracy == outcome.history[-1].holdout_accuracy
    assert export(tuned.module, tuned.spec.input_size, tmp_path / "m.pt2", ExportFormat.TORCH_EXPORT).error < 1e-4


def test_a_base_read_from_a_file_is_scored_by_the_named_output(tmp_path: Path) -> None:
    ready = prepared("twins", "fine")
    module, splits = create_model(ready.spec), ready.dataset.splits(seed=0)
    torch.save(module.state_dict(), tmp_path / "base.pth")
    source = BaseSource(SourceKind.FILE, tmp_path / "base.pth")
    base = obtain_base(
        source, ready.spec, ready.dataset, splits, ready.base_recipe, seed=0, data_path=None, progress=lambda _: None
    )
    assert base.accuracy_holdout == evaluate(module, splits.holdout, output="fine").accuracy


def fewer(splits: Splits) -> Splits:
    """A part of the images, for a base that is trained only a little."""
    assert isinstance(splits.train, TensorSplit)
    train = TensorSplit(splits.train.pixels[:256], splits.train.labels[:256], shift=1)
    return dataclasses.replace(splits, train=train)


def shapes(module: torch.nn.Module) -> list[torch.Size]:
    return [tensor.shape for tensor in tensors_of(module.eval()(torch.zeros(2, 1, 32, 32)))]


@pytest.mark.parametrize(
    ("model", "output", "words"),
    [
        ("twins", None, ["features [2, 8, 16, 16]", "coarse [2, 10]", "fine [2, 10]", "--output", ":twins"]),
        ("twins", "fin", ["'fin'", "fine [2, 10]", "--output"]),
        ("nested", "1.0", ["1.0 [2, 8, 16, 16]", "0 [2, 10]"]),
        ("wide", None, ["[2, 10]", "has [2, 12]"]),
    ],
)
def test_without_logits_it_is_refused_before_anything_is_paid(model: str, output: str | None, words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        prepared(model, output)
    for word in words:
        assert word in str(error.value)
