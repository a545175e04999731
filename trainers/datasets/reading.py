"""What a reader does: a few pictures of a source, as bytes, with the ones that cannot be read told by name."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import get_worker_info

from pruning.preprocessing import Preprocessing
from trainers.datasets.augmentation import Augmentation
from trainers.datasets.base import InputSize
from trainers.datasets.decoding import reason_of
from trainers.datasets.listing import Problem
from trainers.datasets.source import PictureSource
from trainers.datasets.transforms import ScoringTransform, TrainingTransform
from trainers.schedule import mixed

IN_A_ROW = 16
"""So many pictures one after another that cannot be read are no accident."""


@dataclass(frozen=True, slots=True)
class Request:
    """Pictures to be read.

    Attributes:
        indices: of the pictures; see `Split.batches` for those beyond the last one.
        augmentation: None scores them.
        seed: of the augmentation.
        lenient: whether the next picture takes the place of one that cannot be read.
    """

    indices: tuple[int, ...]
    augmentation: Augmentation | None
    seed: int
    lenient: bool


Found = tuple[Tensor | None, list[int], list[tuple[str, str]]]
"""Pictures [n, C, H, W], None if one cannot be read, with their labels; and names and reasons of those that cannot."""


class Reading(TorchDataset[Found]):
    """Reads pictures of a source on request; it says all that decides a pixel, so a reader keeps no state."""

    def __init__(self, source: PictureSource, size: InputSize, preprocessing: Preprocessing) -> None:
        self._source, self._size, self._preprocessing = source, size, preprocessing
        self._scoring = ScoringTransform(size, preprocessing)
        self._training: tuple[Augmentation, TrainingTransform] | None = None

    def __getitem__(self, request: Request) -> Found:
        """Read pictures."""
        images: Tensor | None = None
        labels, problems = list[int](), list[tuple[str, str]]()
        for index in request.indices:
            found = self._first_readable(index, request, problems)
            if found is not None:
                pixels, label = found
                images = _room(len(request.indices), pixels) if images is None else images
                images[len(labels)] = pixels
                labels.append(label)
        return images if len(labels) == len(request.indices) else None, labels, problems

    # torch's loader hands a whole batch over by this name.
    __getitems__ = __getitem__

    def _first_readable(
        self, index: int, request: Request, problems: list[tuple[str, str]]
    ) -> tuple[Tensor, int] | None:
        """The picture at this index, if lenient the first from there on that can be read; None if there is none."""
        pictures = len(self._source)
        copy, place = divmod(index, pictures)
        for number in range(place, place + (IN_A_ROW if request.lenient else 1)):
            place = number % pictures
            read = self._read(place, mixed(request.seed, copy * pictures + place), request.augmentation)
            if isinstance(read, Tensor):
                return read, int(self._source.labels[place])
            problems.append((read.path, read.reason))
        return None

    def _read(self, index: int, seed: int, augmentation: Augmentation | None) -> Tensor | Problem:
        try:
            picture = self._source.read_drawn(index, exactly=augmentation is None, seed=seed)
        except Exception as error:  # noqa: BLE001  foreign bytes, or a user's code; it is told with its name
            return Problem(self._source.name(index), reason_of(error))
        return self._scoring(picture) if augmentation is None else self._trained(augmentation)(picture, seed)

    def _trained(self, augmentation: Augmentation) -> TrainingTransform:
        if self._training is None or self._training[0] != augmentation:
            transform = TrainingTransform(self._size, self._preprocessing, augmentation)
            self._training = augmentation, transform
        return self._training[1]


def _room(count: int, like: Tensor) -> Tensor:
    """An empty tensor for so many pictures; in a reader in shared memory, so that they are not copied once more."""
    if get_worker_info() is None:
        return like.new_empty((count, *like.shape))
    storage = torch.UntypedStorage._new_shared(count * like.numel() * like.element_size())
    return torch.empty(0, dtype=like.dtype).set_(storage, 0, (count, *like.shape))  # type: ignore[call-overload]
