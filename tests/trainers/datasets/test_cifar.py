"""CIFAR's standard files, and what is refused of them."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainers.datasets.cifar_files import dump, images, write_cifar10, write_cifar100
from tests.trainers.datasets.contract import DatasetContract
from trainers.datasets.base import Dataset
from trainers.datasets.cifar import Cifar10, Cifar100
from trainers.datasets.memory import TensorSplit
from trainers.datasets.read_split import ReadSplit
from trainers.datasets.registry import dataset
from trainers.errors import DataPathError


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cifar10(tmp_path_factory.mktemp("ten"))


class TestCifar10(DatasetContract):
    @pytest.fixture(scope="class")
    def data(self) -> Dataset:
        return Cifar10()

    @pytest.fixture(scope="class")
    def data_path(self, ten: Path) -> Path:
        return ten


class TestCifar100(DatasetContract):
    @pytest.fixture(scope="class")
    def data(self) -> Dataset:
        return Cifar100()

    @pytest.fixture(scope="class")
    def data_path(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return write_cifar100(tmp_path_factory.mktemp("hundred"))


def test_pixels_are_planes_of_red_green_and_blue_and_normalised_by_hand(ten: Path) -> None:
    """A row has 1,024 red values, then the green and the blue ones, each row by row."""
    test = Cifar10().splits(ten, seed=0).test
    assert isinstance(test, TensorSplit)
    row = pickle.loads((ten / "cifar-10-batches-py" / "test_batch").read_bytes())[b"data"][7]  # noqa: S301  our own
    image = test.images(torch.tensor([7]))[0]
    for channel, (mean, std) in enumerate([(0.4914, 0.2470), (0.4822, 0.2435), (0.4465, 0.2616)]):
        expected = (row[1024 * channel + 32 * 5 + 9] / 255 - mean) / std
        assert image[channel, 5, 9].item() == pytest.approx(expected, abs=1e-5)


def test_the_folder_itself_may_be_named(ten: Path) -> None:
    inside = Cifar10().splits(ten / "cifar-10-batches-py", seed=0)
    assert inside.info == Cifar10().info(ten)
    assert inside.info.classes == tuple(f"class{i}" for i in range(10))


def test_at_another_size_images_are_resized_as_pictures_are(ten: Path) -> None:
    splits = Cifar10().splits(ten, seed=0, input_size=(3, 48, 48))
    assert isinstance(splits.test, ReadSplit)
    assert splits.test.images(torch.tensor([0, 1])).shape == (2, 3, 48, 48)
    grey = Cifar10().splits(ten, seed=0, input_size=(1, 32, 32)).test.images(torch.tensor([0]))
    assert grey.shape == (1, 1, 32, 32)


def test_weights_decide_mean_and_deviation_and_no_crop_at_the_own_size(ten: Path) -> None:
    from pruning.preprocessing import DEFAULT

    found = dataset("cifar10", DEFAULT).info(ten)
    assert found.preprocessing is not None
    assert (found.preprocessing.mean, found.preprocessing.crop) == (DEFAULT.mean, 1.0)
    larger = dataset("cifar10", DEFAULT).info(ten, input_size=(3, 64, 64))
    assert larger.preprocessing == DEFAULT


def test_the_number_of_images_is_told_where_it_is_another(ten: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert Cifar10().check(ten) == 360
    assert "cifar10 has 400 training images" in caplog.text
    assert "cifar10 has 40 test images" in caplog.text


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("data_batch_3", b"not a pickle", "is no whole pickle"),
        ("data_batch_3", pickle.dumps([1, 2]), "holds a list, not a dictionary"),
        ("data_batch_3", pickle.dumps({b"labels": [0]}), "its data is NoneType"),
        ("test_batch", pickle.dumps({b"labels": [0, 1], b"data": np.zeros((2, 3000), np.uint8)}), r"\(2, 3000\)"),
        ("test_batch", pickle.dumps({b"labels": [0], b"data": np.zeros((2, 3072), np.uint8)}), "2 images and 1 labels"),
        ("test_batch", pickle.dumps({b"labels": [0, 10], b"data": np.zeros((2, 3072), np.uint8)}), "the label 10"),
        ("test_batch", pickle.dumps({b"data": np.zeros((2, 3072), np.uint8)}), "no list of labels"),
        ("batches.meta", pickle.dumps({b"label_names": []}), "lists no classes"),
    ],
    ids=["bytes", "list", "no-data", "width", "count", "label", "no-labels", "meta"],
)
def test_what_is_no_standard_file_is_refused(tmp_path: Path, file: str, content: bytes, words: str) -> None:
    write_cifar10(tmp_path, train=2, test=2)
    (tmp_path / "cifar-10-batches-py" / file).write_bytes(content)
    with pytest.raises(DataPathError, match=words) as error:
        Cifar10().check(tmp_path)
    assert file in str(error.value)


def test_a_truncated_file_and_a_missing_one_are_refused_by_name(tmp_path: Path) -> None:
    write_cifar10(tmp_path, train=2, test=2)
    batch = tmp_path / "cifar-10-batches-py" / "data_batch_2"
    batch.write_bytes(batch.read_bytes()[:-1000])
    with pytest.raises(DataPathError, match="data_batch_2' is no whole pickle"):
        Cifar10().splits(tmp_path, seed=0)
    batch.unlink()
    with pytest.raises(DataPathError, match="data_batch_2' cannot be read: No such file"):
        Cifar10().splits(tmp_path, seed=0)


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("was_called",)


@pytest.mark.parametrize("content", [Evil(), {b"data": Evil()}, {b"data": np.array([Evil()], dtype=object)}])
def test_no_pickle_calls_code(tmp_path: Path, content: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_cifar10(tmp_path, train=2, test=2)
    dump(tmp_path / "cifar-10-batches-py" / "test_batch", content)
    with pytest.raises(DataPathError, match=r"names (posix|nt)\.mkdir, which no standard file does"):
        Cifar10().check_test(tmp_path)
    assert not Path("was_called").exists()


def test_a_packed_archive_and_a_wrong_folder_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(DataPathError, match="expected the folder that holds cifar-100-python/"):
        Cifar100().info(tmp_path)
    (tmp_path / "cifar-100-python.tar.gz").write_bytes(b"packed")
    for place in (tmp_path, tmp_path / "cifar-100-python.tar.gz"):
        with pytest.raises(DataPathError, match=r"is still packed: `tar -xzf .*cifar-100-python.tar.gz -C"):
            Cifar100().info(place)
    with pytest.raises(DataPathError, match="give its data path"):
        Cifar10().info()


def test_a_class_with_one_image_cannot_be_split(tmp_path: Path) -> None:
    write_cifar10(tmp_path, train=2, test=2)
    place = tmp_path / "cifar-10-batches-py"
    for number in range(1, 6):
        dump(place / f"data_batch_{number}", {b"labels": [number], b"data": images(1, np.random.default_rng(0))})
    with pytest.raises(DataPathError, match="cannot be split"):
        Cifar10().splits(tmp_path, seed=0)
