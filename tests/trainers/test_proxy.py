"""A trial's scores, and the images that they are taken on."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainers.datasets.test_imagefolder import make_folder
from tests.trainers.small import small_net, small_split
from trainers.datasets.base import DataInfo, Splits
from trainers.datasets.imagefolder import ImageFolder
from trainers.datasets.memory import TensorSplit
from trainers.errors import DivergedError
from trainers.place import Place
from trainers.proxy import ProxyData, proxy_data, proxy_rungs
from trainers.recipe import ProxyRecipe
from trainers.rung_score import RungScore

CPU = torch.device("cpu")
RECIPE = ProxyRecipe(rungs=(0, 1, 3), lr=0.1, batch_size=20, recalibration_batches=2)


@pytest.fixture
def splits() -> Splits:
    return Splits(DataInfo(3, (1, 9, 9)), small_split(90), small_split(60, seed=1), small_split(30, seed=2))


@pytest.fixture
def data(splits: Splits) -> ProxyData:
    return proxy_data(splits, RECIPE, seed=0)


def scores(data: ProxyData, recipe: ProxyRecipe = RECIPE, seed: int = 0) -> list[RungScore]:
    return list(proxy_rungs(small_net(), data, recipe, seed=seed))


def test_one_score_for_each_rung(data: ProxyData) -> None:
    assert [(score.rung, score.epochs) for score in scores(data)] == [(0, 0), (1, 1), (2, 3)]


def test_training_helps(data: ProxyData) -> None:
    first, *_, last = scores(data, RECIPE.override(rungs=(0, 8)))
    assert last.accuracy > 0.9 > first.accuracy
    assert last.loss < first.loss


def test_the_same_seed_gives_the_same_scores(data: ProxyData) -> None:
    assert scores(data, seed=1) == scores(data, seed=1)
    assert scores(data, seed=1) != scores(data, seed=2)


def test_stopping_early_changes_no_score(data: ProxyData) -> None:
    rungs = proxy_rungs(small_net(), data, RECIPE, seed=0)
    assert [next(rungs), next(rungs)] == scores(data)[:2]


def test_only_the_holdout_is_scored(splits: Splits, data: ProxyData) -> None:
    """Inverting the holdout's labels inverts the score, whatever was trained on."""
    wrong = ProxyData(
        data.train_images, data.train_labels, data.holdout_images, (data.holdout_labels + 1) % 3,
        data.shift, data.flip,
    )  # fmt: skip
    recipe = RECIPE.override(rungs=(8,))
    assert scores(data, recipe)[0].accuracy > 0.9
    assert scores(wrong, recipe)[0].accuracy < 0.1


def test_the_test_part_is_not_even_carried(splits: Splits, data: ProxyData) -> None:
    carried = {image.numpy().tobytes() for image in torch.cat([data.train_images, data.holdout_images])}
    assert not carried & {image.numpy().tobytes() for image in splits.test.images(torch.arange(30))}


def test_stale_statistics_do_not_reach_the_score(data: ProxyData) -> None:
    stale = small_net()
    stale[1].running_mean.fill_(50.0)  # type: ignore[index]
    recipe = RECIPE.override(rungs=(0,))
    assert list(proxy_rungs(stale, data, recipe, seed=0)) == scores(data, recipe)


def test_limits_take_from_every_class(splits: Splits) -> None:
    limited = proxy_data(splits, RECIPE.override(train_limit=30, holdout_limit=20), seed=0)
    assert np.bincount(limited.train_labels).tolist() == [10, 10, 10]
    assert len(limited.holdout_labels) == len(limited.holdout_images) == 20
    other = proxy_data(splits, RECIPE.override(train_limit=30, holdout_limit=20), seed=1)
    assert not torch.equal(limited.train_images, other.train_images)


def test_data_survive_pickling(data: ProxyData) -> None:
    assert scores(pickle.loads(pickle.dumps(data))) == scores(data)  # noqa: S301


def test_divergence_is_raised(data: ProxyData) -> None:
    with pytest.raises(DivergedError):
        scores(data, RECIPE.override(lr=1e30, rungs=(2,)))


def test_files_are_decoded_once_and_kept_as_bytes(tmp_path: Path) -> None:
    splits = ImageFolder().splits(make_folder(tmp_path, train=10, test=2), seed=0, input_size=(3, 24, 24))
    data = proxy_data(splits, RECIPE.override(train_limit=12), seed=0)
    assert data.train_images.shape == (12, 3, 24, 24)
    assert data.train_images.dtype == torch.uint8
    images, _ = next(iter(data.train().batches([torch.arange(2)], place=Place(CPU), augment=False, seed=0)))
    assert images.dtype == torch.float32
    assert data.flip


def test_images_are_read_where_the_object_store_holds_them(tmp_path: Path) -> None:
    """What is pickled beside the stream is not copied: all actors of a node share it."""
    splits = ImageFolder().splits(make_folder(tmp_path, train=10, test=2), seed=0, input_size=(3, 24, 24))
    data, beside = proxy_data(splits, RECIPE, seed=0), list[pickle.PickleBuffer]()
    stream = pickle.dumps(data, protocol=5, buffer_callback=beside.append)
    assert len(stream) < 5000
    held = [np.frombuffer(buffer.raw(), dtype=np.uint8) for buffer in beside]  # cannot be written, as in the store
    there = pickle.loads(stream, buffers=[one.data.toreadonly() for one in held])  # noqa: S301  ours
    assert {there.train_images.data_ptr(), there.holdout_images.data_ptr()} <= {one.ctypes.data for one in held}
    assert data.nbytes == 30 * 3 * 24 * 24
    assert torch.equal(there.train().images(torch.arange(5)), splits.train.images(torch.arange(5)))


def test_bytes_train_as_the_floats_that_they_stand_for(tmp_path: Path) -> None:
    splits = ImageFolder().splits(make_folder(tmp_path, train=10, test=2), seed=0, input_size=(3, 24, 24))
    data = proxy_data(splits, RECIPE, seed=0)
    asked = [torch.arange(8)]
    floats = TensorSplit(data.train().images(torch.arange(27)), data.train_labels, data.shift, data.flip)
    for augment in (False, True):
        (bytes_,), (numbers,) = (
            split.batches(asked, place=Place(CPU), augment=augment, seed=4) for split in (data.train(), floats)
        )
        assert torch.equal(bytes_[0], numbers[0])
        assert torch.equal(bytes_[1], numbers[1])
