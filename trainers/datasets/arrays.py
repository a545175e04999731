"""Images that are held as one array of bytes: taken as they are at their own size, else resized one by one."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pruning.preprocessing import Preprocessing
from trainers.datasets.base import InputSize, Split
from trainers.datasets.memory import TensorSplit
from trainers.datasets.read_split import ReadSplit
from trainers.datasets.source import PictureSource
from trainers.datasets.transforms import Picture, normalisation_of


@dataclass(frozen=True, eq=False)
class Arrays(PictureSource):
    """Labelled images of one size.

    Attributes:
        pixels: [N, C, H, W] uint8.
        targets: [N] int64.
        where: they come from, for messages.
        part: of the dataset, likewise.
    """

    pixels: Tensor
    targets: Tensor
    where: str
    part: str

    @property
    def labels(self) -> Tensor:
        """The targets."""
        return self.targets

    def read(self, index: int, *, exactly: bool) -> Picture:
        """The image at this index; it is always exact."""
        return self.pixels[index]

    def name(self, index: int) -> str:
        """Part and number of an image."""
        return f"{self.where}: image {index} of {self.part}"

    def described(self) -> Iterator[bytes]:
        """A hash of each image and its label."""
        for image, label in zip(self.pixels.numpy(), self.targets.tolist(), strict=True):
            yield hashlib.sha256(image.tobytes() + label.to_bytes(8, "big")).digest()

    def take(self, indices: Tensor) -> "Arrays":
        """The images at these indices."""
        return Arrays(self.pixels[indices], self.targets[indices], self.where, self.part)


def array_split(arrays: Arrays, size: InputSize, preprocessing: Preprocessing) -> Split:
    """A split of these images.

    At their own size they are augmented as is usual for small images: moved by up to an eighth of their side (4 pixels
    of 32; edge pixels are repeated), and mirrored. At another size they are cut and resized as pictures from files.

    Args:
        arrays: the images.
        size: that a model takes; one channel is made of the mean of three.
        preprocessing: how they are normalised and, at another size, resized.
    """
    channels, *sides = size
    if channels == 1 and arrays.pixels.shape[1] == 3:
        grey = arrays.pixels.float().mean(dim=1, keepdim=True).round().to(torch.uint8)
        arrays = Arrays(grey, arrays.targets, arrays.where, arrays.part)
    if list(arrays.pixels.shape[2:]) != sides:
        return ReadSplit(arrays, size, preprocessing)
    shift = max(1, sides[0] // 8)
    return TensorSplit(arrays.pixels, arrays.targets, shift, True, normalisation_of(preprocessing))
