"""Two sources of pictures as one: the training pictures and the holdout, where both are trained on."""

from collections.abc import Iterator

import torch
from torch import Tensor

from trainers.datasets.source import PictureSource
from trainers.datasets.transforms import Picture


class JoinedSource(PictureSource):
    """The pictures of one source, then those of another."""

    def __init__(self, first: PictureSource, second: PictureSource) -> None:
        """Keep both."""
        self._first, self._second = first, second
        self._labels = torch.cat([first.labels, second.labels])

    @property
    def labels(self) -> Tensor:
        """The labels of both."""
        return self._labels

    def read(self, index: int, *, exactly: bool) -> Picture:
        """Read a picture of whichever has it."""
        source, own = self._of(index)
        return source.read(own, exactly=exactly)

    def read_drawn(self, index: int, *, exactly: bool, seed: int) -> Picture:
        """Read a picture as whichever has it does, with its chance from the seed."""
        source, own = self._of(index)
        return source.read_drawn(own, exactly=exactly, seed=seed)

    def name(self, index: int) -> str:
        """Its name there."""
        source, own = self._of(index)
        return source.name(own)

    def described(self) -> Iterator[bytes]:
        """What identifies each picture."""
        yield from self._first.described()
        yield from self._second.described()

    def _of(self, index: int) -> tuple[PictureSource, int]:
        known = len(self._first)
        return (self._first, index) if index < known else (self._second, index - known)
