"""Folders of image files, and what is refused of them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.trainers.datasets.contract import DatasetContract
from trainers.datasets import decoding
from trainers.datasets.base import Dataset, InputSize, Splits
from trainers.datasets.imagefolder import FolderSplit, ImageFolder, ImageNet
from trainers.errors import DataPathError
from trainers.place import Place


def make_folder(root: Path, *, classes: int = 3, train: int = 20, test: int = 5, side: int = 40) -> Path:
    generator = np.random.default_rng(0)
    for part, count in (("train", train), ("val", test)):
        for label in range(classes):
            place = root / part / f"class{label}"
            place.mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(0, 256, (side, side, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(place / f"{number:03d}.png")
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("images"))


class SmallImageFolder(ImageFolder):
    """Reads small images in this process: the contract asks for many batches."""

    def splits(self, data_path: Path | None = None, *, seed: int, input_size: InputSize | None = None) -> Splits:
        found = super().splits(data_path, seed=seed, input_size=input_size)
        for split in (found.train, found.holdout, found.test):
            assert isinstance(split, FolderSplit)
            split.readers = 0
        return found


class TestImageFolder(DatasetContract):
    @pytest.fixture(scope="class")
    def data(self) -> Dataset:
        return SmallImageFolder()

    @pytest.fixture(scope="class")
    def data_path(self, folder: Path) -> Path:
        return folder

    def test_it_is_found_by_its_name(self, data: Dataset) -> None:
        from trainers.datasets.registry import dataset

        assert type(dataset(data.name)) is ImageFolder


def test_reader_processes_change_no_pixel(folder: Path) -> None:
    samples = ImageFolder().splits(folder, seed=0, input_size=(3, 24, 24)).train
    assert isinstance(samples, FolderSplit)
    asked = [torch.arange(6), torch.arange(6, 12)]
    batches = [
        list(
            FolderSplit(samples.samples, samples.size, readers).batches(
                asked, place=Place(torch.device("cpu")), augment=True, seed=5
            )
        )
        for readers in (0, 2)
    ]
    for (alone, labels), (shared, same_labels) in zip(*batches, strict=True):
        assert torch.equal(alone, shared)
        assert torch.equal(labels, same_labels)


def test_the_models_input_size_is_kept(folder: Path) -> None:
    splits = ImageFolder().splits(folder, seed=0, input_size=(3, 16, 24))
    assert splits.test.images(torch.tensor([0])).shape == (1, 3, 16, 24)


def test_holdout_takes_a_tenth(folder: Path) -> None:
    splits = ImageFolder().splits(folder, seed=0)
    assert (len(splits.train), len(splits.holdout), len(splits.test)) == (54, 6, 15)


def test_no_path(tmp_path: Path) -> None:
    with pytest.raises(DataPathError, match="give its data path"):
        ImageFolder().info(None)


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(DataPathError, match=r"does not exist.*train"):
        ImageFolder().info(tmp_path / "nowhere")


def test_an_empty_path(tmp_path: Path) -> None:
    with pytest.raises(DataPathError, match="has no folder 'train'"):
        ImageFolder().splits(tmp_path, seed=0)


def test_no_val_part(tmp_path: Path, folder: Path) -> None:
    shutil.copytree(folder / "train", tmp_path / "train")
    with pytest.raises(DataPathError, match="has no folder 'val'"):
        ImageFolder().splits(tmp_path, seed=0)


@pytest.mark.parametrize("names", [("Train", "Val"), ("training", "Test")])
def test_parts_by_another_name_are_no_classes(tmp_path: Path, folder: Path, names: tuple[str, str]) -> None:
    """They would be two, and a model would learn to tell them apart."""
    for part, name in zip(("train", "val"), names, strict=True):
        (tmp_path / name).symlink_to(folder / part)
    train, val = names
    with pytest.raises(DataPathError, match=f"no folder 'train': .*; {train!r} is there: `ln -s {train} .*/train`"):
        ImageFolder().info(tmp_path)
    with pytest.raises(DataPathError, match=f"no folder 'val': .*; {val!r} is there"):
        ImageFolder().test_info(tmp_path)


def test_an_archive_is_told_as_that(tmp_path: Path) -> None:
    packed = tmp_path / "flowers.zip"
    packed.write_bytes(b"PK")
    with pytest.raises(DataPathError, match=r"flowers.zip' is a file: an archive .* expected flowers/train/<class>/"):
        ImageFolder().info(packed)
    with pytest.raises(DataPathError, match=r"no folder 'train': .*flowers.zip' there looks like an archive"):
        ImageFolder().info(tmp_path)


def test_what_programs_keep_for_themselves_is_no_class_and_no_image(
    own_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for hidden in (".ipynb_checkpoints", "__MACOSX"):
        shutil.copytree(own_folder / "train" / "class0", own_folder / "train" / hidden)
    for part in ("train", "val"):
        (own_folder / part / "class0" / "._000.png").write_bytes(b"Mac OS X")
    assert ImageFolder().info(own_folder).classes == ("class0", "class1")
    assert ImageFolder().check(own_folder) == 36
    assert f"2 hidden folders in {own_folder / 'train'} are no classes ({own_folder / 'train'}/.ipynb_" in caplog.text
    assert "class0/._000.png)" in caplog.text


def test_no_classes(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    with pytest.raises(DataPathError, match="0 class folders"):
        ImageFolder().info(tmp_path)


def test_a_class_without_images(tmp_path: Path, folder: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    for file in (tmp_path / "train" / "class1").iterdir():
        file.rename(file.with_suffix(".gif"))
    with pytest.raises(DataPathError, match=r"the class 'class1': .*class1/\d+\.gif' is none of them"):
        ImageFolder().splits(tmp_path, seed=0)


def test_a_class_with_one_image(tmp_path: Path) -> None:
    make_folder(tmp_path, train=1)
    with pytest.raises(DataPathError, match=r"at least 2 .*Too few are in 3 of 3 classes: class0, class1, class2"):
        ImageFolder().splits(tmp_path, seed=0)


def test_parts_with_different_classes(tmp_path: Path, folder: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "val" / "class2").rename(tmp_path / "val" / "zebra")
    with pytest.raises(DataPathError, match="class2, zebra"):
        ImageFolder().splits(tmp_path, seed=0)


def test_imagenet_has_a_thousand_classes(folder: Path) -> None:
    with pytest.raises(DataPathError, match=r"3 classes.*1000.*imagefolder"):
        ImageNet().info(folder)


def test_grey_models_are_refused(folder: Path) -> None:
    with pytest.raises(DataPathError, match=r"3 channels.*takes 1"):
        ImageFolder().info(folder, input_size=(1, 32, 32))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def four_inks(path: Path) -> None:
    Image.new("CMYK", (40, 40), (10, 200, 90, 0)).save(path, "JPEG")


@pytest.fixture
def own_folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "own", classes=2)


@pytest.fixture
def a_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth may be left out: three of the 36 training images."""
    monkeypatch.setattr(decoding, "TOLERATED_SHARE", 0.1)


def training_split(folder: Path, readers: int = 0) -> FolderSplit:
    split = ImageFolder().splits(folder, seed=0, input_size=(3, 24, 24)).train
    assert isinstance(split, FolderSplit)
    return FolderSplit(split.samples, split.size, readers)


def read(split: FolderSplit, *, lenient: bool, rank: int = 0, world: int = 1) -> list[torch.Tensor]:
    batches, place = torch.arange(len(split)).split(6), Place(torch.device("cpu"), rank, world)
    return [images for images, _ in split.batches(batches, place=place, augment=False, seed=0, lenient=lenient)]


@pytest.mark.parametrize("spoil", [truncated, emptied])
@pytest.mark.parametrize("readers", [0, 2])
def test_a_file_that_spoils_is_left_out_of_training_and_an_error_where_it_is_scored(
    own_folder: Path, spoil: Callable[[Path], None], readers: int, a_tenth: None, caplog: pytest.LogCaptureFixture
) -> None:
    split = training_split(own_folder, readers)
    whole = torch.cat(read(split, lenient=False))
    path = split.samples[3][0]
    spoil(Path(path))
    for _ in range(2):
        left = torch.cat(read(split, lenient=True))
    assert list(split.unreadable) == [path]
    assert torch.equal(left[3], whole[4]), "the next image takes its place"
    assert torch.equal(left[4:], whole[4:])
    assert caplog.text.count("is left out") == 1
    with pytest.raises(DataPathError, match=f"the image {path!r} cannot be read"):
        read(split, lenient=False)


def test_of_two_workers_each_takes_an_equal_share_all_the_same(own_folder: Path, a_tenth: None) -> None:
    split = training_split(own_folder)
    truncated(Path(split.samples[2][0]))
    shares = [read(split, lenient=True, rank=rank, world=2) for rank in range(2)]
    assert [len(batch) for batch in shares[0]] == [len(batch) for batch in shares[1]] == [3] * 6


def test_too_many_that_cannot_be_read_are_refused(own_folder: Path, a_tenth: None) -> None:
    split = training_split(own_folder)
    for path, _ in (split.samples[number] for number in range(5, 9)):
        truncated(Path(path))
    with pytest.raises(DataPathError, match=f"{split.samples[5][0]!r} cannot be read.*nor can 3 more of 36 files"):
        read(split, lenient=True)


def test_what_the_headers_show_is_told_at_once_and_left_out_if_it_is_little(
    own_folder: Path, a_tenth: None, caplog: pytest.LogCaptureFixture
) -> None:
    """An empty file is no image of the folder any more; one that holds no image is met, and left out, in training."""
    place = own_folder / "train" / "class1"
    emptied(place / "004.png")
    (place / "007.png").write_text("no image")
    assert ImageFolder().check(own_folder) == 35
    assert f"the image {str(place / '004.png')!r} cannot be read (it is empty): it is not trained on" in caplog.text
    assert f"the image {str(place / '007.png')!r} cannot be read (it holds no image" in caplog.text
    assert len(training_split(own_folder)) == 35
    emptied(own_folder / "val" / "class0" / "000.png")
    with pytest.raises(DataPathError, match="nor can 2 more of 50 files"):
        ImageFolder().check(own_folder)


def test_a_jpeg_of_four_inks_is_read_as_any_other(own_folder: Path) -> None:
    path = own_folder / "train" / "class0" / "000.jpg"
    four_inks(path)
    assert ImageFolder().check(own_folder) == 37
    split = FolderSplit(((str(path), 0),), (3, 24, 24), 0)
    assert read(split, lenient=False)[0].shape == (1, 3, 24, 24)
    assert split.unreadable == {}


def test_the_number_of_training_images_is_that_of_the_split(own_folder: Path) -> None:
    assert ImageFolder().check(own_folder) == len(training_split(own_folder)) == 36


@pytest.mark.parametrize("kind", [ImageFolder, ImageNet])
def test_to_score_a_model_val_alone_is_read(kind: type[ImageFolder], folder: Path, tmp_path: Path) -> None:
    """Those who score a published model often have no training images, and never need them."""
    shutil.copytree(folder / "val", tmp_path / "val")
    size = (3, 24, 24)
    kind().check_test(tmp_path)
    info, test = kind().test_part(tmp_path, input_size=size)
    assert info == kind().test_info(tmp_path, input_size=size)
    assert (info.num_classes, info.input_size, len(test)) == (3, size, 15)
    whole = ImageFolder().splits(folder, seed=0, input_size=size).test
    assert torch.equal(test.labels, whole.labels)
    assert torch.equal(test.images(torch.arange(15)), whole.images(torch.arange(15)))
    with pytest.raises(DataPathError, match="no folder 'train'"):
        kind().splits(tmp_path, seed=0)


def test_beside_training_images_the_classes_are_theirs(folder: Path, tmp_path: Path) -> None:
    """A class that has no folder in `val/` would move the labels of all after it."""
    shutil.copytree(folder, tmp_path / "data")
    assert ImageFolder().test_part(tmp_path / "data")[0].num_classes == 3
    shutil.rmtree(tmp_path / "data" / "val" / "class0")
    with pytest.raises(DataPathError, match="name different classes"):
        ImageFolder().test_part(tmp_path / "data")


def test_a_damaged_image_in_val_is_named_before_anything_is_scored(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "val", tmp_path / "val")
    (tmp_path / "val" / "class1" / "002.png").write_bytes(b"")
    with pytest.raises(DataPathError, match=r"002\.png"):
        ImageFolder().check_test(tmp_path)
