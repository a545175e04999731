"""A folder of class folders, without `train/` and `val/`: split by a fixed seed, and said so."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.trainers.datasets.contract import DatasetContract
from trainers.datasets.base import Dataset, InputSize, Splits
from trainers.datasets.imagefolder import FolderSplit, ImageFolder, ImageNet
from trainers.datasets.onefolder import OneFolder
from trainers.errors import DataPathError


def make_one_folder(root: Path, *, classes: int = 3, images: int = 20) -> Path:
    draw = np.random.default_rng(0)
    for label in range(classes):
        place = root / f"class{label}"
        place.mkdir(parents=True)
        for number in range(images):
            Image.fromarray(draw.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(place / f"{number:03d}.png")
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_one_folder(tmp_path_factory.mktemp("flowers"))


class SmallOneFolder(ImageFolder):
    """Reads small images in this process: the contract asks for many batches."""

    def splits(self, data_path: Path | None = None, *, seed: int, input_size: InputSize | None = None) -> Splits:
        found = super().splits(data_path, seed=seed, input_size=input_size or (3, 32, 32))
        for split in (found.train, found.holdout, found.test):
            assert isinstance(split, FolderSplit)
            split.readers = 0
        return found

    def info(self, data_path: Path | None = None, *, input_size: InputSize | None = None):  # type: ignore[no-untyped-def]
        return super().info(data_path, input_size=input_size or (3, 32, 32))


class TestOneFolder(DatasetContract):
    @pytest.fixture(scope="class")
    def data(self) -> Dataset:
        return SmallOneFolder()

    @pytest.fixture(scope="class")
    def data_path(self, folder: Path) -> Path:
        return folder

    def test_it_is_found_by_its_name(self, data: Dataset) -> None:
        from trainers.datasets.registry import dataset

        assert type(dataset(data.name)) is ImageFolder


def test_a_fixed_share_of_each_class_is_the_test_set_and_it_is_said(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert ImageFolder().check(folder) == 42, "of 20 images of a class 4 are tested and 2 held out"
    assert f"{folder} has no train/ and val/: of its 60 images, 12 (20 % of each class" in caplog.text
    info, test = ImageFolder().test_part(folder)
    assert torch.bincount(test.labels).tolist() == [4, 4, 4]
    assert info.classes == ("class0", "class1", "class2")
    assert ImageFolder().test_info(folder) == info


def test_it_may_have_another_name(folder: Path, tmp_path: Path) -> None:
    first, second = (ImageFolder().splits(place, seed=0) for place in (folder, shutil.copytree(folder, tmp_path / "x")))
    assert first.train.fingerprint() == second.train.fingerprint()
    assert first.train.contained() == second.train.contained() != ""


def test_a_new_image_moves_at_most_one_other(folder: Path, tmp_path: Path) -> None:
    def tested(place: Path) -> set[str]:
        return {Path(path).relative_to(place).as_posix() for path, _ in OneFolder.of(place).test}

    grown = tmp_path / "grown"
    shutil.copytree(folder, grown)
    before = tested(grown)
    assert before == tested(folder), "wherever the folder lies"
    for number in range(4):
        shutil.copy(grown / "class1" / "000.png", grown / "class1" / f"new{number}.png")
        now = tested(grown)
        assert len(before - now) <= 1
        before = now
    assert len(before) == 13


def test_an_unreadable_test_image_is_refused_and_a_training_image_left_out(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    path, _ = next(iter(OneFolder.of(broken).test))
    Path(path).write_bytes(b"no image")
    for look in (ImageFolder().check, ImageFolder().check_test):
        with pytest.raises(DataPathError, match=Path(path).name):
            look(broken)


@pytest.mark.parametrize("odd", ["train", "val", "class0/train"])
def test_what_has_one_of_the_parts_is_not_split(folder: Path, tmp_path: Path, odd: str) -> None:
    """A `val/` that is missing or elsewhere is no reason to test on other images than the user thinks."""
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / odd).mkdir()
    with pytest.raises(DataPathError, match=r"has no folder|holds 0 class folders"):
        ImageFolder().splits(other, seed=0)


def test_imagenet_is_never_split(folder: Path) -> None:
    with pytest.raises(DataPathError, match="has no folder 'train'"):
        ImageNet().info(folder)


def test_a_class_needs_three_images(tmp_path: Path) -> None:
    make_one_folder(tmp_path, images=2)
    with pytest.raises(DataPathError, match="each class needs 3"):
        ImageFolder().splits(tmp_path, seed=0)
