"""Scikit-learn's handwritten digits: 1,797 real 8×8 images that ship inside a package."""

from importlib.metadata import distribution
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from trainers.datasets.base import DataInfo, Dataset, InputSize, Splits, refuse_path
from trainers.datasets.holdout import stratified_holdout
from trainers.datasets.memory import TensorSplit, fitted

DEFAULT_SIZE: InputSize = (1, 32, 32)
TEST_FRACTION = 0.25
HOLDOUT_FRACTION = 0.2
# The test images are fixed, whatever the seed of a search.
_TEST_SEED = 0
# Mean and standard deviation of a pixel (0…1) over the whole set, as published with it.
_MEAN, _STD = 0.305, 0.376
_FILE = "sklearn/datasets/data/digits.csv.gz"


class Digits(Dataset):
    """Ten digits, upscaled to 32×32 in one channel: 1,078 train, 269 holdout, 450 test images."""

    name: ClassVar[str] = "digits"

    def info(self, data_path: Path | None = None, *, input_size: InputSize | None = None) -> DataInfo:
        """Ten classes; one channel of 32×32 unless asked otherwise."""
        refuse_path(self.name, data_path)
        return DataInfo(num_classes=10, input_size=input_size or DEFAULT_SIZE)

    def holdout_share(self, data_path: Path | None = None) -> float:
        """A fifth."""
        return HOLDOUT_FRACTION

    def splits(self, data_path: Path | None = None, *, seed: int, input_size: InputSize | None = None) -> Splits:
        """The images, normalised, in memory. The test part is a quarter of each class, drawn with a fixed seed."""
        info = self.info(data_path, input_size=input_size)
        everything, labels = _load(info.input_size)
        outer = stratified_holdout(labels, fraction=TEST_FRACTION, seed=_TEST_SEED)
        inner = stratified_holdout(labels[outer.train], fraction=HOLDOUT_FRACTION, seed=seed)
        return Splits(
            info=info,
            train=everything.take(torch.from_numpy(outer.train[inner.train])),
            holdout=everything.take(torch.from_numpy(outer.train[inner.holdout])),
            test=everything.take(torch.from_numpy(outer.holdout)),
        )


def _load(size: InputSize) -> tuple[TensorSplit, np.ndarray]:
    pixels, labels = read_digits()
    images = torch.from_numpy(pixels.astype(np.float32)).reshape(-1, 1, 8, 8) / 16.0
    images = (fitted(images, size) - _MEAN) / _STD
    shift = max(1, size[1] // 16)
    return TensorSplit(images, torch.from_numpy(labels), shift=shift), labels


def read_digits() -> tuple[np.ndarray, np.ndarray]:
    """Read the digits from scikit-learn's own file, as its `load_digits` does.

    Importing scikit-learn would take two to four seconds, in the driver and in every fine-tune worker.

    Returns:
        Pixels from 0 to 16, [1797, 64] float64, and labels, [1797] int64.
    """
    table = np.loadtxt(str(distribution("scikit-learn").locate_file(_FILE)), delimiter=",")
    return table[:, :-1], table[:, -1].astype(np.int64)
