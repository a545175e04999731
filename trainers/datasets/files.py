"""Image files by their names, which are bytes in one array: processes share it, however many names there are."""

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from ground.files import file_hash
from trainers.datasets.decoding import decoded, decoded_fast
from trainers.datasets.source import PictureSource
from trainers.datasets.transforms import Picture
from trainers.errors import DataPathError

_SAMPLED, _SAMPLED_BYTES = 64, 1 << 20
"""Files whose beginnings are read to tell two data sets apart: that takes less than a second."""
_READ_WHOLE = 1 << 28
"""Bytes up to which all files are read for that: about a second."""


class Files(PictureSource):
    """Labelled image files.

    A tuple of a million names would be copied by every reader, page by page, as it counts references to them.
    """

    def __init__(self, names: Tensor, ends: Tensor, labels: Tensor, within: Path | None = None) -> None:
        """Take what `of` makes.

        Args:
            names: all paths in UTF-8, one after another, uint8.
            ends: [N] int64: where each path ends.
            labels: [N] int64.
            within: see `of`.
        """
        self._names, self._ends, self._labels, self._within = names, ends, labels, within

    @classmethod
    def of(cls, samples: Iterable[tuple[str, int]], within: Path | None = None) -> "Files":
        """The files of these paths and labels.

        Args:
            samples: path and label of each.
            within: the folder by whose own name they are not known, so that it may have another; None takes the last
                three parts of a path, as in `train/<class>/<file>`.
        """
        names, ends, labels = bytearray(), list[int](), list[int]()
        for path, label in samples:
            names += path.encode(errors="surrogateescape")
            ends.append(len(names))
            labels.append(label)
        packed = torch.frombuffer(names or bytearray(1), dtype=torch.uint8)
        return cls(packed, torch.tensor(ends), torch.tensor(labels), within)

    @property
    def labels(self) -> Tensor:
        """The labels, in the order of the files."""
        return self._labels

    def name(self, index: int) -> str:
        """The path of a file."""
        begin = int(self._ends[index - 1]) if index else 0
        return self._names[begin : int(self._ends[index])].numpy().tobytes().decode(errors="surrogateescape")

    def read(self, index: int, *, exactly: bool) -> Picture:
        """Decode a file."""
        path = self.name(index)
        return decoded(path) if exactly else decoded_fast(path)

    def take(self, indices: Tensor) -> "Files":
        """The files at these indices."""
        return Files.of((self[index] for index in indices.tolist()), self._within)

    def described(self) -> Iterator[bytes]:
        """Name, label and size of each file: reading every image would take hours on ImageNet."""
        for path, label in self:
            parts = Path(path).parts[-3:] if self._within is None else Path(path).relative_to(self._within).parts
            with _named(path):
                size = Path(path).stat().st_size
            yield f"{'/'.join(parts)}\0{label}\0{size}\n".encode(errors="surrogateescape")

    def sampled(self) -> Iterator[bytes]:
        """A hash of each of a few files, spread evenly: names and sizes may be the same where what they hold is not."""
        for index in torch.linspace(0, len(self) - 1, min(len(self), _SAMPLED)).round().long().tolist():
            path = self.name(index)
            with _named(path), Path(path).open("rb") as stream:
                yield hashlib.sha256(stream.read(_SAMPLED_BYTES)).digest()

    def contained(self) -> Iterator[bytes]:
        """A hash of each file, of a small data set: a single picture of the same size may be another one."""
        total = 0
        for path, _ in self:
            with _named(path):
                total += Path(path).stat().st_size
            if total > _READ_WHOLE:
                return
        for path, _ in self:
            with _named(path):
                yield bytes.fromhex(file_hash(Path(path)))

    def __getitem__(self, index: int) -> tuple[str, int]:
        return self.name(index), int(self._labels[index])

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return (self[index] for index in range(len(self)))


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    """Name a file that the system refuses in the block."""
    try:
        yield
    except OSError as error:
        raise DataPathError(f"the image {path!r} cannot be read: {error.strerror}") from error
