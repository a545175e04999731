"""The interface of a dataset, and its three parts."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import torch
from torch import Tensor

from pruning.preprocessing import DEFAULT, Preprocessing
from trainers.datasets.augmentation import Augmentation
from trainers.datasets.normalising import Pixels
from trainers.errors import DataPathError
from trainers.place import Place

Batch = tuple[Tensor, Tensor]
"""Images [n, C, H, W] float32, normalised, and labels [n] int64, both on the requested device."""

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
        augment: bool | Augmentation,
        seed: int,
        first: int = 0,
        lenient: bool = False,
    ) -> Iterator[Batch]:
        """Read one worker's share of batches of images.

        Whatever is done on the way (uint8 pixels in readers and in memory), what comes out is normalised float32.

        Args:
            index_batches: the indices of each batch, of all workers together. An index of `len(self)` or more is
                another copy of the image at index % len(self), whose transformation is drawn anew: for repeated
                augmentation.
            place: this worker: where its batches are needed, and which share of each it reads.
            augment: whether to transform images at random for training, in the dataset's own way (True) or as an
                `Augmentation` says.
            seed: decides that transformation alone: the same seed and indices give the same pixels, however many
                workers share a batch or readers read it, and wherever the reading begins.
            first: the batch to begin with, counted from 0.
            lenient: whether an image that cannot be read is left out, as `unreadable` then tells: the next one of the
                split that can takes its place, so that all workers still take equal shares.

        Yields:
            One batch per tensor of indices from `first` on, in that order.

        Raises:
            DataPathError: an image cannot be read; if lenient, too many cannot.
            RecipeError: these images cannot be augmented as asked.
        """

    @property
    def unreadable(self) -> Mapping[str, str]:
        """Images that were left out so far in this process, and why."""
        return {}

    @abstractmethod
    def images(self, indices: Tensor) -> Tensor:
        """The images [n, C, H, W] float32 at these indices, on the CPU, not augmented."""

    def pixels_at(self, indices: Tensor, *, lenient: bool = False) -> Pixels:
        """The images at these indices as they are best kept in memory, on the CPU, not augmented.

        Args:
            indices: of the images.
            lenient: as in `batches`.
        """
        return Pixels(self.images(indices), self.labels[indices])

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash that changes with the data."""

    def content(self) -> str:
        """A hash of what some images hold, as far as `fingerprint` does not tell that; empty where it does."""
        return ""

    def contained(self) -> str:
        """A hash of what all images hold, where `fingerprint` does not tell and there are few; else empty."""
        return ""

    def close(self) -> None:  # noqa: B027  most splits have nothing to let go of
        """Let go of reader processes, if there are any; they start again if they are needed."""

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
            "joined with others. Use --no-train-on-holdout"
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
        preprocessing: what is done to each image before a model sees it; None where the dataset's images are always
            prepared in one way.
    """

    num_classes: int
    input_size: InputSize
    classes: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None

    @property
    def preprocessing_words(self) -> str:
        """The preprocessing in words, as a training's identity holds it."""
        return "" if self.preprocessing is None else self.preprocessing.in_words(*self.input_size[1:])


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

    def close(self) -> None:
        """Let go of all reader processes."""
        for split in (self.train, self.holdout, self.test):
            split.close()


class Dataset(ABC):
    """A source of labelled images.

    Attributes:
        name: what users call it.
        needs_path: whether it is read from a folder that the user names.
        takes_preprocessing: whether its images can be prepared as a model's weights expect them.
        own_preprocessing: how they are prepared if it takes preprocessing and nothing is known of the weights.
        preprocessing: how they are prepared, see `prepared_by`; None is the dataset's own way.
    """

    name: ClassVar[str]
    needs_path: ClassVar[bool] = False
    takes_preprocessing: ClassVar[bool] = False
    own_preprocessing: ClassVar[Preprocessing] = DEFAULT
    preprocessing: Preprocessing | None = None

    def prepared_by(self, preprocessing: Preprocessing) -> Self:
        """This dataset with its images prepared like this, in all its parts.

        Raises:
            DataPathError: it always prepares them in one way.
        """
        if not self.takes_preprocessing:
            raise DataPathError(
                f"the dataset {self.name!r} prepares its images in its own way: leave mean, std, interpolation and "
                "crop out, or choose a dataset of image files"
            )
        found = copy.copy(self)
        found.preprocessing = preprocessing
        return found

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

    def holdout_share(self, data_path: Path | None = None) -> float:
        """About which share of all images that are no test images the holdout takes, whatever the seed.

        It is asked before a search begins, so a dataset that knows it without counting files should say so.

        Args:
            data_path: the folder of a dataset that is read from one.
        """
        parts = self.splits(data_path, seed=0)
        return len(parts.holdout) / (len(parts.train) + len(parts.holdout))

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
