"""The interface of a dataset, and its three parts."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from trainers.errors import DataPathError
from trainers.place import Place

Batch = tuple[Tensor, Tensor]
"""Images [n, C, H, W] float32 and labels [n] int64, both on the requested device."""

InputSize = tuple[int, int, int]
"""Channels, height, width."""


class Split(ABC):
    """A fixed, ordered sequence of labelled images."""

    @property
    @abstractmethod
    def labels(self) -> Tensor:
        """Labels [N], int64, on the CPU."""

    @abstractmethod
    def batches(
        self,
        index_batches: Sequence[Tensor],
        *,
        place: Place,
        augment: bool,
        seed: int,
        first: int = 0,
        lenient: bool = False,
    ) -> Iterator[Batch]:
        """Read one worker's share of batches of images.

        Args:
            index_batches: the indices of each batch, of all workers together.
            place: this worker: where its batches are needed, and which share of each it reads.
            augment: whether to apply the dataset's random transformation for training.
            seed: decides that transformation alone: the same seed and indices give the same pixels, however many
                workers share a batch, and wherever the reading begins.
            first: the batch to begin with, counted from 0.
            lenient: whether an image that cannot be read is left out, as `unreadable` then tells: the next one of the
                split that can takes its place, so that all workers still take equal shares.

        Yields:
            One batch per tensor of indices from `first` on, in that order.

        Raises:
            DataPathError: an image cannot be read; if lenient, too many cannot.
        """

    @property
    def unreadable(self) -> Mapping[str, str]:
        """Images that were left out so far in this process, and why."""
        return {}

    @abstractmethod
    def images(self, indices: Tensor) -> Tensor:
        """The images [n, C, H, W] float32 at these indices, on the CPU, not augmented."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash that changes with the data."""

    def to(self, device: torch.device) -> "Split":
        """This split with its images on `device`, if it keeps images at all."""
        return self

    def joined(self, other: "Split") -> "Split":
        """This split and another of the same data set as one, augmented as this one is.

        Raises:
            DataPathError: this kind of data cannot be joined.
        """
        raise DataPathError(
            f"training on the holdout cannot be had: the images of this data set, a {type(self).__name__}, cannot be "
            "joined with others. Leave out --train-on-holdout"
        )

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class DataInfo:
    """What a model must fit.

    Attributes:
        num_classes: number of classes.
        input_size: channels, height and width of an image.
        classes: their names, in the order of their labels; none where they have none.
        preprocessing: what is done to each image before a model sees it, in words.
    """

    num_classes: int
    input_size: InputSize
    classes: tuple[str, ...] = ()
    preprocessing: str = ""


@dataclass(frozen=True, slots=True)
class Splits:
    """A dataset's three disjoint parts.

    Attributes:
        info: classes and image size.
        train: what weights are fitted to.
        holdout: a seeded, stratified part of the *training* images; every score of a search reads it.
        test: the same for every seed; read once, at the end.
    """

    info: DataInfo
    train: Split
    holdout: Split
    test: Split


class Dataset(ABC):
    """A source of labelled images.

    Attributes:
        name: what users call it.
        needs_path: whether it is read from a folder that the user names.
    """

    name: ClassVar[str]
    needs_path: ClassVar[bool] = False

    @abstractmethod
    def info(self, data_path: Path | None = None, *, input_size: InputSize | None = None) -> DataInfo:
        """Classes and image size, found without reading an image.

        Args:
            data_path: the folder of a dataset that is read from one.
            input_size: the image size to use instead of the dataset's own.

        Raises:
            DataPathError: the path is missing, of the wrong layout, or given where none is read.
        """

    def check(self, data_path: Path | None = None) -> int | None:
        """Find what is wrong with the images, as far as that costs seconds, before anything else costs more.

        Args:
            data_path: the folder of a dataset that is read from one.

        Returns:
            How many images would be trained on; None where the data set is always the same.

        Raises:
            DataPathError: images that cannot be read, with the first one's name and their number.
        """
        self.info(data_path)
        return None

    def test_info(self, data_path: Path | None = None, *, input_size: InputSize | None = None) -> DataInfo:
        """Classes and image size, for which the test images alone have to be there; otherwise as `info`."""
        return self.info(data_path, input_size=input_size)

    def check_test(self, data_path: Path | None = None) -> None:
        """Find what is wrong with the test images; otherwise as `check`."""
        self.check(data_path)

    def test_part(
        self, data_path: Path | None = None, *, input_size: InputSize | None = None
    ) -> tuple[DataInfo, Split]:
        """What a model must fit, and the test images, which alone have to be there; otherwise as `splits`."""
        # The seed decides the holdout only: the test set is the same for every seed.
        splits = self.splits(data_path, seed=0, input_size=input_size)
        return splits.info, splits.test

    @abstractmethod
    def splits(self, data_path: Path | None = None, *, seed: int, input_size: InputSize | None = None) -> Splits:
        """The three parts of the dataset.

        Args:
            data_path: the folder of a dataset that is read from one.
            seed: decides which training images the holdout takes.
            input_size: the image size to use instead of the dataset's own.

        Raises:
            DataPathError: the path is missing, of the wrong layout, or given where none is read.
        """


def refuse_path(name: str, data_path: Path | None) -> None:
    """Report a path given to a built-in dataset, which reads no files, as a mistake.

    Raises:
        DataPathError: there is a path.
    """
    if data_path is not None:
        raise DataPathError(
            f"the dataset {name!r} is built in and reads no files, but the data path {str(data_path)!r} was "
            f"given: leave the path out, or choose the dataset 'imagefolder' to train on that folder"
        )
