"""One batch of images on the device, again and again: the loop without any reading of files."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from trainers.datasets.base import Batch, Split
from trainers.place import Place


class OneBatch(Split):
    """A split that returns one batch of images as every batch of an epoch."""

    def __init__(self, pixels: Tensor, length: int, classes: int) -> None:
        self._pixels, self._length, self._classes = pixels, length, classes

    @property
    def labels(self) -> Tensor:
        """Any classes."""
        return torch.arange(self._length) % self._classes

    def batches(
        self,
        index_batches: Sequence[Tensor],
        *,
        place: Place,
        augment: object,
        seed: int,
        first: int = 0,
        lenient: bool = False,
    ) -> Iterator[Batch]:
        """The one batch, each time."""
        targets = torch.arange(len(self._pixels), device=place.device) % self._classes
        return ((self._pixels, targets) for _ in index_batches[first:])

    def images(self, indices: Tensor) -> Tensor:
        """Copies on the CPU."""
        return self._pixels[indices % len(self._pixels)].cpu()

    def fingerprint(self) -> str:
        """Its size."""
        return f"{tuple(self._pixels.shape)} × {self._length}"

    def bare(self) -> list[Batch]:
        """The same batches for a loop that knows nothing of splits."""
        targets = torch.arange(len(self._pixels), device=self._pixels.device) % self._classes
        return [(self._pixels, targets)] * (self._length // len(self._pixels))
