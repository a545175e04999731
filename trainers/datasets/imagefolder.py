"""Folders of image files, `train/<class>/…` and `val/<class>/…`, read on demand. ImageNet is one."""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, TypeGuard

import torch

from pruning.preprocessing import DEFAULT, Preprocessing
from trainers.datasets.base import DataInfo, Dataset, InputSize, Split, Splits
from trainers.datasets.files import Files
from trainers.datasets.layout import (
    HOLDOUT_FRACTION,
    check_part,
    check_parts,
    check_same_classes,
    classes_of,
    describe_missing,
    files_of,
    parted,
)
from trainers.datasets.onefolder import OneFolder, is_one_folder
from trainers.datasets.read_split import ReadSplit
from trainers.errors import DataPathError

DEFAULT_SIZE: InputSize = (3, 224, 224)


class FolderSplit(ReadSplit):
    """Image files with their labels, decoded by reader processes while the model computes.

    Attributes:
        samples: file and label of each image.
    """

    def __init__(
        self,
        samples: Files | Iterable[tuple[str, int]],
        size: InputSize,
        readers: int | None = None,
        preprocessing: Preprocessing = DEFAULT,
    ) -> None:
        self.samples = samples if isinstance(samples, Files) else Files.of(samples)
        super().__init__(self.samples, size, preprocessing, readers)


class ImageFolder(Dataset):
    """Any folder with `train/` and `val/`, with one sub-folder per class; `val/` is the test part.

    A folder that holds the class folders themselves is split, see `trainers.datasets.onefolder`.
    """

    name: ClassVar[str] = "imagefolder"
    needs_path: ClassVar[bool] = True
    takes_preprocessing: ClassVar[bool] = True
    may_be_split: ClassVar[bool] = True

    def info(self, data_path: Path | None = None, *, input_size: InputSize | None = None) -> DataInfo:
        """One class per folder in `train/`; 224×224 RGB unless asked otherwise."""
        if self._is_split(data_path):
            return self._info(classes_of(data_path), input_size)
        return self._info(classes_of(self._part(data_path, "train")), input_size)

    def splits(self, data_path: Path | None = None, *, seed: int, input_size: InputSize | None = None) -> Splits:
        """The files' names in three parts; at most 50 images of a class are in the holdout."""
        info = self.info(data_path, input_size=input_size)
        if self._is_split(data_path):
            one = OneFolder.of(data_path)
            return self._splits(info, one.pool, one.test, data_path, seed)
        train_folder, test_folder = self._part(data_path, "train"), self._part(data_path, "val")
        classes = classes_of(train_folder)
        check_same_classes(train_folder, test_folder)
        pool = files_of(train_folder, classes, trained=True)
        test = files_of(test_folder, classes, trained=False)
        return self._splits(info, pool, test, train_folder, seed)

    def _splits(self, info: DataInfo, pool: Files, test: Files, place: Path, seed: int) -> Splits:
        parts = parted(pool.labels, place, seed=seed)
        return Splits(
            info=info,
            train=self._split(pool.take(torch.from_numpy(parts.train)), info),
            holdout=self._split(pool.take(torch.from_numpy(parts.holdout)), info),
            test=self._split(test, info),
        )

    def check(self, data_path: Path | None = None) -> int:
        """Look at every file's name and size and at the headers, and say what links make of the folder."""
        if self._is_split(data_path):
            return OneFolder.of(data_path).check()
        return check_parts(self._part(data_path, "train"), self._part(data_path, "val"))

    def holdout_share(self, data_path: Path | None = None) -> float:
        """A tenth, and less of classes of more than 500 images; whole images make it more of very small ones."""
        return HOLDOUT_FRACTION

    def test_info(self, data_path: Path | None = None, *, input_size: InputSize | None = None) -> DataInfo:
        """One class per folder in `val/`, or in `train/` if that is there too."""
        if self._is_split(data_path) or (data_path is not None and (data_path / "train").is_dir()):
            return self.info(data_path, input_size=input_size)
        return self._info(classes_of(self._part(data_path, "val")), input_size)

    def check_test(self, data_path: Path | None = None) -> None:
        """Look at the files of `val/` alone."""
        if self._is_split(data_path):
            OneFolder.of(data_path).check_test()
        else:
            check_part(self._part(data_path, "val"))

    def test_part(
        self, data_path: Path | None = None, *, input_size: InputSize | None = None
    ) -> tuple[DataInfo, Split]:
        """The files' names in `val/`; `train/` is not read, and if it is there it must have the same classes."""
        info = self.test_info(data_path, input_size=input_size)
        if self._is_split(data_path):
            return info, self._split(OneFolder.of(data_path).test, info)
        place = self._part(data_path, "val")
        if data_path is not None and (data_path / "train").is_dir():
            check_same_classes(data_path / "train", place)
        return info, self._split(files_of(place, classes_of(place), trained=False), info)

    def _info(self, classes: tuple[str, ...], input_size: InputSize | None) -> DataInfo:
        size = input_size or DEFAULT_SIZE
        if size[0] != 3:
            raise DataPathError(f"image folders are read in colour (3 channels), the model takes {size[0]}")
        return DataInfo(len(classes), size, classes, self.preprocessing or self.own_preprocessing)

    def _split(self, files: Files, info: DataInfo) -> FolderSplit:
        return FolderSplit(files, info.input_size, preprocessing=self.preprocessing or self.own_preprocessing)

    def _is_split(self, data_path: Path | None) -> TypeGuard[Path]:
        return self.may_be_split and data_path is not None and is_one_folder(data_path)

    def _part(self, data_path: Path | None, part: str) -> Path:
        if data_path is None:
            raise DataPathError(f"the dataset {self.name!r} is read from a folder: give its data path")
        place = data_path / part
        if place.is_dir():
            return place
        raise DataPathError(describe_missing(data_path, part))


class ImageNet(ImageFolder):
    """ImageNet-1k in the layout above: exactly 1,000 classes."""

    name: ClassVar[str] = "imagenet"
    may_be_split: ClassVar[bool] = False

    def info(self, data_path: Path | None = None, *, input_size: InputSize | None = None) -> DataInfo:
        """As for any folder of images, but with exactly 1,000 classes."""
        found = super().info(data_path, input_size=input_size)
        if found.num_classes != 1000:
            raise DataPathError(
                f"{str(data_path)!r} has {found.num_classes} classes, ImageNet has 1000: "
                "choose the dataset 'imagefolder' for a folder with other classes"
            )
        return found
