"""A fine-tune prepares images as its checkpoint says, and hands that on."""

from pathlib import Path

import pytest
import torch

from pruning.checkpoint import load_pruned, read_architecture, save_pruned
from pruning.models import ModelSpec
from pruning.planning import build_plan
from pruning.preprocessing import DEFAULT, Preprocessing
from tests.trainers.datasets.test_imagefolder import make_folder
from tests.trainers.witnessed import PLAIN
from trainers.base import initial_model
from trainers.datasets.registry import dataset
from trainers.errors import StateError
from trainers.evaluate import evaluate
from trainers.job import MODEL, FinetuneJob, prepare_folder, run_job
from trainers.place import Place
from trainers.recipe import Recipe

OTHER = DEFAULT.override(mean=(0.5, 0.5, 0.5), interpolation="bicubic", crop=1.0)
RECIPE = Recipe(epochs=1, batch_size=16, lr=0.01, warmup_epochs=0.5)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("images"), train=12, test=6, side=20)


def unpruned(folder: Path, preprocessing: Preprocessing | None) -> Path:
    spec = ModelSpec(PLAIN, 3, (3, 16, 16))
    model = initial_model(spec, 0)
    plan = build_plan(model, spec, verify=False)
    units = tuple(tuple(range(group.units)) for group in plan.groups)
    return save_pruned(model, plan, units, folder, preprocessing=preprocessing)


def a_job(checkpoint: Path, images: Path, out: Path) -> FinetuneJob:
    return FinetuneJob(
        checkpoint_dir=checkpoint, dataset="imagefolder", data_path=images, recipe=RECIPE, seed=0, out_dir=out,
        trusted=(PLAIN,),
    )  # fmt: skip


def test_what_was_trained_is_evaluated_in_the_same_way(images: Path, tmp_path: Path) -> None:
    job = a_job(unpruned(tmp_path / "base", OTHER), images, tmp_path)
    scored = run_job(job, Place(torch.device("cpu"))).history[-1].holdout_accuracy
    written = load_pruned(tmp_path / MODEL, trusted=(PLAIN,))
    assert written.preprocessing == OTHER
    data = dataset("imagefolder", written.preprocessing)
    splits = data.splits(images, seed=0, input_size=written.spec.image_size)
    assert evaluate(written.module, splits.holdout).accuracy == scored
    info, test = data.test_part(images, input_size=written.spec.image_size)
    assert info.preprocessing == OTHER
    plain = dataset("imagefolder").test_part(images, input_size=written.spec.image_size)[1]
    assert not torch.equal(test.images(torch.tensor([0])), plain.images(torch.tensor([0])))


def test_a_state_is_not_continued_on_images_that_are_prepared_otherwise(images: Path, tmp_path: Path) -> None:
    job = a_job(unpruned(tmp_path / "base", OTHER), images, tmp_path)
    run_job(job, Place(torch.device("cpu")))
    unpruned(tmp_path / "base", OTHER.override(crop=0.9))
    with pytest.raises(StateError, match=r"preprocessing of images differs.*centre 1\.0.*centre 0\.9"):
        prepare_folder(job)


def test_a_checkpoint_that_says_nothing_has_the_default_which_its_model_then_states(
    images: Path, tmp_path: Path
) -> None:
    job = a_job(unpruned(tmp_path / "base", None), images, tmp_path)
    run_job(job, Place(torch.device("cpu")))
    assert read_architecture(tmp_path / MODEL).preprocessing == DEFAULT
