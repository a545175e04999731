"""CIFAR-10 and CIFAR-100 from their standard files: 50,000 training and 10,000 test images of 32×32 in colour.

The files are those of the "python version" at https://www.cs.toronto.edu/~kriz/cifar.html, unpacked.
"""

import logging
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from pruning.preprocessing import Preprocessing
from trainers.datasets.arrays import Arrays, array_split
from trainers.datasets.base import DataInfo, Dataset, InputSize, Split, Splits
from trainers.datasets.holdout import stratified_holdout
from trainers.datasets.old_pickles import read_pickle, text
from trainers.errors import DataPathError

SIDE = 32
HOLDOUT_FRACTION = 0.1
TRAIN_IMAGES, TEST_IMAGES = 50_000, 10_000

_log = logging.getLogger(__name__)


class _Cifar(Dataset):
    """What both have in common.

    Attributes:
        folder: of the files.
        archive: that they come in.
        own_preprocessing: of images at their own size.
    """

    needs_path: ClassVar[bool] = True
    takes_preprocessing: ClassVar[bool] = True
    folder: ClassVar[str]
    archive: ClassVar[str]
    own_preprocessing: ClassVar[Preprocessing]
    classes_field: ClassVar[str]
    meta_file: ClassVar[str]

    @abstractmethod
    def files(self, part: str) -> Sequence[str]:
        """The files of a part, `train` or `test`."""

    @abstractmethod
    def labels_of(self, batch: dict[str, Any]) -> object:
        """The labels in a file."""

    def info(self, data_path: Path | None = None, *, input_size: InputSize | None = None) -> DataInfo:
        """The classes that the files name; 32×32 in colour unless asked otherwise."""
        size = input_size or (3, SIDE, SIDE)
        if size[0] not in (1, 3):
            raise DataPathError(f"the images of {self.name!r} have 3 channels, or 1 of their mean, not {size[0]}")
        classes = self._classes(self._place(data_path))
        return DataInfo(len(classes), size, classes, self._prepared(size))

    def check(self, data_path: Path | None = None) -> int:
        """Read all files."""
        train = self._part(data_path, "train")
        self.check_test(data_path)
        if len(train) != TRAIN_IMAGES:
            _log.warning("%s has %s training images in %s, not %s", self.name, f"{len(train):,}", data_path, "50,000")
        return len(train) - len(stratified_holdout(train.labels.numpy(), fraction=HOLDOUT_FRACTION, seed=0).holdout)

    def holdout_share(self, data_path: Path | None = None) -> float:
        """A tenth."""
        return HOLDOUT_FRACTION

    def check_test(self, data_path: Path | None = None) -> None:
        """Read the test file."""
        count = len(self._part(data_path, "test"))
        if count != TEST_IMAGES:
            _log.warning("%s has %s test images in %s, not %s", self.name, f"{count:,}", data_path, "10,000")

    def test_part(
        self, data_path: Path | None = None, *, input_size: InputSize | None = None
    ) -> tuple[DataInfo, Split]:
        """The images of the test file."""
        info = self.info(data_path, input_size=input_size)
        return info, self._split(self._part(data_path, "test"), info)

    def splits(self, data_path: Path | None = None, *, seed: int, input_size: InputSize | None = None) -> Splits:
        """All images, in memory as bytes; a tenth of each class is held out."""
        info, test = self.test_part(data_path, input_size=input_size)
        pool = self._part(data_path, "train")
        try:
            parts = stratified_holdout(pool.labels.numpy(), fraction=HOLDOUT_FRACTION, seed=seed)
        except ValueError as error:
            raise DataPathError(f"{str(data_path)!r} cannot be split: {error}") from error
        train, holdout = (self._split(pool.take(torch.from_numpy(part)), info) for part in (parts.train, parts.holdout))
        return Splits(info, train, holdout, test)

    def _prepared(self, size: InputSize) -> Preprocessing:
        """At their own size images are neither resized nor cut, whatever weights expect."""
        wanted = self.preprocessing or self.own_preprocessing
        if size[1:] == (SIDE, SIDE):
            own = self.own_preprocessing
            wanted = own.override(mean=wanted.mean, std=wanted.std)
        if size[0] == 1 and len(wanted.mean) > 1:
            wanted = wanted.override(mean=(sum(wanted.mean) / 3,), std=(sum(wanted.std) / 3,))
        return wanted

    @staticmethod
    def _split(arrays: Arrays, info: DataInfo) -> Split:
        assert info.preprocessing is not None
        return array_split(arrays, info.input_size, info.preprocessing)

    def _place(self, data_path: Path | None) -> Path:
        if data_path is None:
            raise DataPathError(f"the dataset {self.name!r} is read from a folder: give its data path")
        for place in (data_path, data_path / self.folder):
            if (place / self.meta_file).is_file():
                return place
        packed = [place for place in (data_path, data_path / self.archive) if place.name == self.archive]
        if found := next((place for place in packed if place.is_file()), None):
            raise DataPathError(f"{str(found)!r} is still packed: `tar -xzf {found} -C {found.parent}` unpacks it")
        raise DataPathError(
            f"the data path {str(data_path)!r} has no {self.folder}/{self.meta_file}: expected the folder that holds "
            f"{self.folder}/, which comes in {self.archive}"
        )

    def _classes(self, place: Path) -> tuple[str, ...]:
        names = read_pickle(place / self.meta_file).get(self.classes_field)
        if not isinstance(names, list) or len(names) < 2:
            raise DataPathError(f"{str(place / self.meta_file)!r} lists no classes under {self.classes_field!r}")
        return tuple(map(text, names))

    def _part(self, data_path: Path | None, part: str) -> Arrays:
        place = self._place(data_path)
        classes = len(self._classes(place))
        read = [_checked(place / name, self.labels_of, classes) for name in self.files(part)]
        pixels, labels = (np.concatenate(arrays) for arrays in zip(*read, strict=True))
        return Arrays(torch.from_numpy(pixels), torch.from_numpy(labels), str(place), part)


class Cifar10(_Cifar):
    """Ten classes, in five files and one for the test: `cifar-10-batches-py/`."""

    name: ClassVar[str] = "cifar10"
    folder: ClassVar[str] = "cifar-10-batches-py"
    archive: ClassVar[str] = "cifar-10-python.tar.gz"
    meta_file: ClassVar[str] = "batches.meta"
    classes_field: ClassVar[str] = "label_names"
    own_preprocessing = Preprocessing(mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616), crop=1.0)

    def files(self, part: str) -> Sequence[str]:
        """Five batches, or one."""
        return [f"data_batch_{number}" for number in range(1, 6)] if part == "train" else ["test_batch"]

    def labels_of(self, batch: dict[str, Any]) -> object:
        """The one label of each image."""
        return batch.get("labels")


class Cifar100(_Cifar):
    """A hundred (fine) classes: `cifar-100-python/`."""

    name: ClassVar[str] = "cifar100"
    folder: ClassVar[str] = "cifar-100-python"
    archive: ClassVar[str] = "cifar-100-python.tar.gz"
    meta_file: ClassVar[str] = "meta"
    classes_field: ClassVar[str] = "fine_label_names"
    own_preprocessing = Preprocessing(mean=(0.5071, 0.4865, 0.4409), std=(0.2673, 0.2564, 0.2762), crop=1.0)

    def files(self, part: str) -> Sequence[str]:
        """One file for each part."""
        return [part]

    def labels_of(self, batch: dict[str, Any]) -> object:
        """The fine labels."""
        return batch.get("fine_labels")


def _checked(path: Path, labels_of: Any, classes: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Pixels [n, 3, 32, 32] uint8 and labels [n] int64 of a file.

    Raises:
        DataPathError: it is not as the standard files are.
    """
    batch = read_pickle(path)
    data, labels = batch.get("data"), labels_of(batch)
    row = 3 * SIDE * SIDE
    if not (isinstance(data, np.ndarray) and data.dtype == np.uint8 and data.ndim == 2 and data.shape[1] == row):
        shape = f"{data.dtype} {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
        raise DataPathError(f"{str(path)!r} holds no images: its data is {shape}, where uint8 (n, {row:,}) is expected")
    if not (isinstance(labels, list) and all(isinstance(label, int) for label in labels)):
        raise DataPathError(f"{str(path)!r} has no list of labels")
    if len(labels) != len(data) or not labels:
        raise DataPathError(f"{str(path)!r} has {len(data):,} images and {len(labels):,} labels")
    if odd := next((label for label in labels if not 0 <= label < classes), None):
        raise DataPathError(f"{str(path)!r} has the label {odd}, and there are {classes} classes")
    return data.reshape(-1, 3, SIDE, SIDE), np.array(labels, dtype=np.int64)
