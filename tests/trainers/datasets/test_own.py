"""Datasets that a factory of the user's makes, and what is refused of them."""

import pickle
from pathlib import Path

import pytest
import torch

from pruning.preprocessing import DEFAULT
from tests.trainers.datasets import own_data
from tests.trainers.datasets.contract import ALONE, DatasetContract
from trainers.datasets.base import Dataset, InputSize, Splits
from trainers.datasets.own import OwnDataset
from trainers.datasets.own_source import OwnSource
from trainers.datasets.read_split import ReadSplit
from trainers.datasets.registry import dataset
from trainers.errors import DataPathError, TrainerError, UnknownDatasetError

HERE = "tests.trainers.datasets.own_data"


def own(name: str) -> Dataset:
    return dataset(f"{HERE}:{name}")


class ReadHere(OwnDataset):
    """Reads in this process: the contract asks for many batches."""

    def splits(self, data_path: Path | None = None, *, seed: int, input_size: InputSize | None = None) -> Splits:
        found = super().splits(data_path, seed=seed, input_size=input_size)
        for split in (found.train, found.holdout, found.test):
            assert isinstance(split, ReadSplit)
            split.readers = 0
        return found


class OwnContract(DatasetContract):
    factory: str

    @pytest.fixture(scope="class")
    def data(self) -> Dataset:
        return ReadHere(f"{HERE}:{self.factory}")

    def test_it_is_found_by_its_name(self, data: Dataset) -> None:
        found = dataset(data.name)
        assert type(found) is OwnDataset
        assert found.name == data.name


class TestOfBytes(OwnContract):
    factory = "of_bytes"


class TestOfPictures(OwnContract):
    factory = "of_pictures"


class TestOfMovedNumbers(OwnContract):
    """Floats are taken as they are, but for what the user's own transform draws: it follows from seed and item."""

    factory = "of_moved"

    def test_augmentation_changes_pixels_and_follows_its_seed(self, splits: Splits) -> None:
        asked = [torch.arange(8)]
        first, same, other, plain = (
            next(iter(splits.train.batches(asked, place=ALONE, augment=augment, seed=seed)))[0]
            for augment, seed in ((True, 1), (True, 1), (True, 2), (False, 1))
        )
        assert torch.equal(first, same)
        assert not torch.equal(first, other)
        joined = splits.train.joined(splits.holdout)
        (same,), (other,) = (
            [images for images, _ in joined.batches(asked, place=ALONE, augment=True, seed=seed)] for seed in (1, 2)
        )
        assert torch.equal(first, same), "with the holdout, too"
        assert not torch.equal(same, other)
        again = next(iter(splits.train.batches(asked, place=ALONE, augment=False, seed=7)))[0]
        assert torch.equal(plain, again), "what is scored does not depend on a seed"
        assert not torch.equal(first, plain)
        torch.manual_seed(3)
        before = torch.rand(1)
        torch.manual_seed(3)
        splits.train.images(torch.arange(2))
        assert torch.equal(torch.rand(1), before), "no reading moves the generators"


def test_what_is_known_comes_from_the_dataset() -> None:
    assert own("of_bytes").info().classes == ("a", "b", "c")
    assert own("of_bytes").info().input_size == (3, 12, 12)
    assert own("of_bytes").info().preprocessing == DEFAULT
    assert own("of_numbers").info().preprocessing is None
    assert own("photos").info().input_size == (3, 224, 224)
    assert own("photos").info(input_size=(1, 32, 32)).input_size == (1, 32, 32)
    assert own("resized").info(input_size=(3, 20, 20)).input_size == (3, 20, 20)


def test_pictures_of_any_size_are_prepared_as_files_are() -> None:
    splits = own("photos").splits(seed=0, input_size=(3, 32, 32))
    assert splits.train.images(torch.arange(30)).shape == (30, 3, 32, 32)
    grey = own("photos").splits(seed=0, input_size=(1, 32, 32)).test.images(torch.arange(3))
    assert grey.shape == (3, 1, 32, 32)


def test_pictures_of_sixteen_bits_are_grey_and_not_white() -> None:
    data = own("of_grey_pictures")
    assert data.info().input_size == (1, 12, 12)
    pixels = data.splits(seed=0).test.pixels_at(torch.arange(15)).images
    expected = torch.stack([own_data.pixels(index)[0] for index in range(15)])
    assert pixels.float().mean() == pytest.approx(expected.float().mean(), abs=3)


def test_attributes_of_another_kind_count_as_far_as_they_say_something() -> None:
    data = own("with_odd_attributes")
    assert data.info().classes == ("cat", "dog", "eel")
    assert data.check() == 54


def test_floats_are_taken_to_the_bit() -> None:
    test = own("of_numbers").splits(seed=0).test
    assert torch.equal(test.images(torch.tensor([4]))[0], own_data.numbers(904))


def test_floats_of_any_number_of_channels_are_trained_on() -> None:
    train = ReadHere(f"{HERE}:of_grey_numbers").splits(seed=0).train
    ((images, _),) = train.batches([torch.tensor([4])], place=ALONE, augment=True, seed=0)
    assert torch.equal(images, train.images(torch.tensor([4])))


def test_a_holdout_of_the_users_is_the_holdout_for_every_seed() -> None:
    first, second = (own("with_a_holdout").splits(seed=seed) for seed in (1, 2))
    assert len(first.holdout) == 9
    assert len(first.train) == own("with_a_holdout").check() == 60
    assert first.holdout.fingerprint() == second.holdout.fingerprint()
    assert own("of_numbers").check() == 54


def test_targets_spare_the_reading_of_all_items_if_they_are_true() -> None:
    splits = own("with_targets").splits(seed=0)
    assert isinstance(splits.train, ReadSplit)
    assert isinstance(splits.train.source, OwnSource)
    assert len(set(splits.train.source._items.asked)) < 100
    assert own("with_false_targets").splits(seed=0).info.num_classes == 3
    pool = own("with_false_targets").splits(seed=0)
    assert torch.bincount(torch.cat([pool.train.labels, pool.holdout.labels])).tolist() == [20, 20, 20]


def test_what_cannot_be_pickled_is_made_again_elsewhere() -> None:
    """A lock, or an open file, must not be shared by readers: each makes its own by the factory."""
    splits = own("with_a_lock").splits(seed=0)
    with pytest.raises(TypeError):
        pickle.dumps(own_data.WithALock())
    there = pickle.loads(pickle.dumps(splits.train))  # noqa: S301  our own
    assert torch.equal(there.images(torch.arange(3)), splits.train.images(torch.arange(3)))
    assert isinstance(splits.train, ReadSplit)
    assert isinstance(splits.train.source, OwnSource)
    ours = splits.train.source._here()
    splits.train.source._process = -1  # as in a process that was forked from this one
    assert splits.train.source._here() is not ours
    simple = own("of_numbers").splits(seed=0).train
    assert isinstance(simple, ReadSplit)
    assert isinstance(simple.source, OwnSource)
    items = simple.source._here()
    simple.source._process = -1
    assert simple.source._here() is items, "what is plain data is shared"


def test_readers_read_the_same(tmp_path: Path) -> None:
    splits = own("with_a_lock").splits(seed=0)
    assert isinstance(splits.train, ReadSplit)
    expected = splits.train.images(torch.arange(40))
    splits.train.readers = 2
    asked = [torch.arange(20), torch.arange(20, 40)]
    found = torch.cat([images for images, _ in splits.train.batches(asked, place=ALONE, augment=False, seed=0)])
    splits.close()
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("one_part", r"returned a tuple of 1: \(train, test\)"),
        ("a_number", r"returned a int: \(train, test\)"),
        ("failing", "failed: IndexError"),
        ("empty", "the training part that .* is empty"),
        ("endless", "has no __len__"),
        ("no_items", "a set, has no __getitem__"),
        ("unreadable", "item 0 of the training part cannot be read: OSError: no such scan"),
        ("no_pairs", "item 0 of the training part is a tuple of 3, where a pair"),
        ("arrays", "the image of item 0 of the training part is a ndarray: a PIL image, or a tensor"),
        ("flat", r"is a tensor \[5\] of torch.float32: \[C, H, W\]"),
        ("integers", "of torch.int32"),
        ("text_labels", "the label of item 0 of the training part is a str .*'cat'"),
        ("true_labels", "is a bool"),
        ("outside", r"item 3 of the training part has the label 3, outside of 0 to 2 \(15 items have\)"),
        ("negative", "has the label -1, outside of 0 to"),
        ("absent", "the training part has no item of class 2, of 3 classes"),
        ("contradiction", "has 3 classes by name, and num_classes = 4"),
        ("one_class", "num_classes = 1: a whole number from 2 on"),
        ("lonely", r"lonely cannot be split: a class has 1 image.*Too few are in \d+ of \d+ classes: class \d"),
        ("varying", "is 3×12×12, and the first of the training part 3×9×9"),
        ("mixed_kinds", "differ in kind|another kind"),
        ("mixed_channels", "has 1 channels, and the first 3"),
        ("not_finite", "item 30 of the training part holds values that are no finite numbers"),
        ("odd_size", "input_size = 'large'"),
        ("without_white", "the image of item 0 .* cannot be used: its pixels are 32-bit integers"),
        ("no_pixels", r"the image of item 0 of the training part is empty: a tensor \[3, 0, 12\]"),
        ("true_number", "num_classes = True: a whole number from 2 on"),
        ("unseeded", "is another one each time"),
        ("four_channels", "yields 4 channels, and the images are prepared by a mean of 3: state one value for each"),
    ],
)
def test_it_is_refused(name: str, words: str) -> None:
    with pytest.raises(DataPathError, match=words):
        (own(name).info(), own(name).check())


def test_a_size_that_floats_do_not_have_is_refused() -> None:
    with pytest.raises(DataPathError, match=r"floats of 3×12×12, .* and 3×20×20 is asked for: let the factory take"):
        own("of_numbers").info(input_size=(3, 20, 20))


def test_a_path_that_a_factory_does_not_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataPathError, match="takes no 'data_path'"):
        own("of_bytes").info(tmp_path)
    assert own("of_numbers").info(tmp_path).num_classes == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (f"{HERE}:nothing", "has no 'nothing'"),
        ("no.such.module:make", "cannot be imported"),
        (f"{HERE}:CLASSES", "is a int, no function"),
    ],
)
def test_a_name_of_nothing_is_refused(name: str, words: str) -> None:
    with pytest.raises(TrainerError, match=words):
        dataset(name).info()


def test_a_module_that_fails_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_data.py").write_text("import surely_not_installed\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(
        DataPathError, match=r"importing 'broken_data' .* failed: No module named 'surely_not_installed'"
    ):
        dataset("broken_data:make").info()


def test_a_name_imports_nothing_before_it_is_asked() -> None:
    assert dataset("no.such.module:make").name == "no.such.module:make"
    with pytest.raises(UnknownDatasetError, match="your own as module:factory"):
        dataset("imagefolde")
