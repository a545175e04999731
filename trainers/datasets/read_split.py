"""A split whose pictures are read on demand, by reader processes that live as long as it does."""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pruning.preprocessing import DEFAULT, Preprocessing
from trainers.datasets.augmentation import STANDARD, Augmentation
from trainers.datasets.base import Batch, InputSize, Split
from trainers.datasets.decoding import refuse, too_many
from trainers.datasets.joined import JoinedSource
from trainers.datasets.listing import Problem
from trainers.datasets.normalising import Pixels
from trainers.datasets.readers import Readers, default_readers
from trainers.datasets.reading import Found, Reading, Request
from trainers.datasets.source import PictureSource
from trainers.datasets.transforms import normalisation_of
from trainers.place import Place

AT_ONCE = 32
"""Pictures of one request: few enough that all readers take part in a batch."""

_log = logging.getLogger(__name__)


class ReadSplit(Split):
    """Pictures of a source, read as bytes and normalised where they are needed.

    Attributes:
        source: where they come from.
        size: channels, height and width that they get.
        preprocessing: how.
        readers: processes that read; None takes one for each core of this worker; 0 reads in this process.
    """

    def __init__(
        self,
        source: PictureSource,
        size: InputSize,
        preprocessing: Preprocessing = DEFAULT,
        readers: int | None = None,
    ) -> None:
        self.source, self.size, self.preprocessing, self.readers = source, size, preprocessing, readers
        self._normalisation = normalisation_of(preprocessing)
        self._reading = Reading(source, size, preprocessing)
        self._pool: Readers | None = None
        self._unreadable: dict[str, str] = {}

    @property
    def labels(self) -> Tensor:
        """The labels of all pictures, in their order."""
        return self.source.labels

    @property
    def unreadable(self) -> Mapping[str, str]:
        """Pictures that were left out of training so far, and why."""
        return self._unreadable

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
        """Yield batches as the readers decode them, a few ahead of the model."""
        augmentation = STANDARD if augment is True else augment or None
        shares = [place.share(batch) for batch in index_batches[first:]]
        found = self._answers(shares, augmentation, seed, lenient=lenient, pinned=place.device.type == "cuda")
        for share in shares:
            images, labels = self._joined(len(share), found, place.device)
            yield images, labels

    def images(self, indices: Tensor) -> Tensor:
        """Read the pictures at these indices, all at once."""
        pixels = self.pixels_at(indices)
        return pixels.normalisation.of(pixels.images)

    def pixels_at(self, indices: Tensor, *, lenient: bool = False) -> Pixels:
        """Read the pictures at these indices as bytes, by all readers."""
        images: Tensor | None = None
        labels, at = torch.empty(len(indices), dtype=torch.int64), 0
        for found in self._answers([indices], None, 0, lenient=lenient, pinned=False):
            some, of = self._whole(found)
            images = some.new_empty((len(indices), *some.shape[1:])) if images is None else images
            images[at : at + len(some)], labels[at : at + len(some)] = some, torch.tensor(of)
            at += len(some)
        assert images is not None, "some pictures were asked for"
        return Pixels(images, labels, self._normalisation)

    def fingerprint(self) -> str:
        """Hash the size, and what identifies each picture."""
        digest = hashlib.sha256(repr(self.size).encode())
        for described in self.source.described():
            digest.update(described)
        return digest.hexdigest()

    def content(self) -> str:
        """Hash what some files hold."""
        return _hash_of(self.source.sampled())

    def contained(self) -> str:
        """Hash what all files hold, if they are few."""
        return _hash_of(self.source.contained())

    def joined(self, other: Split) -> "ReadSplit":
        """Both splits' pictures, with readers of their own."""
        assert isinstance(other, ReadSplit), "parts of one data set are of one kind"
        return ReadSplit(JoinedSource(self.source, other.source), self.size, self.preprocessing, self.readers)

    @property
    def reader_ids(self) -> tuple[int, ...]:
        """The ids of the reader processes that live now."""
        return () if self._pool is None else self._pool.ids

    def close(self) -> None:
        """End the readers."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_pool": None}  # processes stay where they were started

    def _answers(
        self, shares: Sequence[Tensor], augmentation: Augmentation | None, seed: int, *, lenient: bool, pinned: bool
    ) -> Iterator[Found]:
        requests = (
            Request(tuple(part.tolist()), augmentation, seed, lenient)
            for share in shares
            for part in share.split(AT_ONCE)
        )
        few = len(shares) < 2 and all(len(share) <= AT_ONCE for share in shares)
        if few and self._pool is None:  # no process is started for a handful
            return map(self._reading.__getitem__, requests)
        if self._pool is None or self._pool.pinned != pinned:
            self.close()
            count = default_readers() if self.readers is None else self.readers
            self._pool = Readers(self._reading, count, pinned=pinned)
        return self._pool.read(requests)

    def _joined(self, count: int, found: Iterator[Found], device: torch.device) -> Batch:
        """Put a batch together from the next answers, on its device."""
        images: Tensor | None = None
        labels, at = list[int](), 0
        while at < count:
            some, of = self._whole(next(found))
            if images is None:
                images = torch.empty((count, *some.shape[1:]), dtype=torch.float32, device=device)
            self._normalisation.into(images[at : at + len(some)], some)
            labels += of
            at += len(some)
        assert images is not None, "a batch has pictures"
        return images, torch.tensor(labels, device=device)

    def _whole(self, found: Found) -> tuple[Tensor, list[int]]:
        """Pictures and labels of an answer.

        Raises:
            DataPathError: some cannot be read, or too many could not be so far.
        """
        images, labels, problems = found
        if images is None:
            refuse((Problem(*problem) for problem in problems), len(self))
        assert images is not None, "what cannot be read was refused"
        self._leave_out(problems)
        return images, labels

    def _leave_out(self, problems: Sequence[tuple[str, str]]) -> None:
        """Note pictures that cannot be read, once each, and refuse them once they are too many.

        Raises:
            DataPathError: they are.
        """
        for path, reason in problems:
            if path not in self._unreadable:
                self._unreadable[path] = reason
                _log.warning("the image %r cannot be read (%s): it is left out", path, reason)
        if too_many(len(self._unreadable), len(self)):
            refuse((Problem(*item) for item in self._unreadable.items()), len(self))


def _hash_of(parts: Iterator[bytes]) -> str:
    whole = b"".join(parts)
    return hashlib.sha256(whole).hexdigest() if whole else ""
