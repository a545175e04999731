"""The interface of a dataset, and the three parts it hands out."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from trainers.errors import DataPathError

Batch = tuple[Tensor, Tensor]
"""Images [n, C, H, W] float32 and labels [n] int64, both on the device that was asked for."""

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
        self, index_batches: Sequence[Tensor], *, device: torch.device, augment: bool, seed: int
    ) -> Iterator[Batch]:
        """One batch for each tensor of indices, in that order.

        With `augment` the dataset's training-time transformation is drawn from `seed` alone: the
        same seed and indices give the same pixels.
        """

    @abstractmethod
    def images(self, indices: Tensor) -> Tensor:
        """The images [n, C, H, W] float32 at these indices, on the CPU, not augmented."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash that changes when the data do."""

    def to(self, device: torch.device) -> "Split":
        """This split with its images kept on `device`, where it keeps images at all."""
        return self

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class DataInfo:
    """What a model must fit: the number of classes, and one image's channels, height and width."""

    num_classes: int
    input_size: InputSize


@dataclass(frozen=True, slots=True)
class Splits:
    """A dataset's three disjoint parts.

    Attributes:
        info: classes and image size.
        train: what weights are fitted to.
        holdout: a seeded, stratified part of the *training* images; every score of a search reads it.
        test: never moves with the seed; read once, at the end.
    """

    info: DataInfo
    train: Split
    holdout: Split
    test: Split


class Dataset(ABC):
    """A source of labelled images."""

    name: ClassVar[str]
    needs_path: ClassVar[bool] = False

    @abstractmethod
    def info(self, data_path: Path | None = None, *, input_size: InputSize | None = None) -> DataInfo:
        """Classes and image size, without reading an image. Raises DataPathError."""

    @abstractmethod
    def splits(self, data_path: Path | None = None, *, seed: int, input_size: InputSize | None = None) -> Splits:
        """The three parts; `seed` decides which training images the holdout takes. Raises DataPathError."""


def refuse_path(name: str, data_path: Path | None) -> None:
    """A built-in dataset reads no files: a path given to it is a mistake to report, not to ignore."""
    if data_path is not None:
        raise DataPathError(
            f"the dataset {name!r} is built in and reads no files, but the data path {str(data_path)!r} was "
            f"given: leave the path out, or choose the dataset 'imagefolder' to train on that folder"
        )
