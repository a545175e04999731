"""What a reader does: a few pictures of a source, as bytes, with the ones that cannot be read told by name."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

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


Found = tuple[Tensor | None, Tensor | None, list[tuple[str, str]]]
"""Pictures [n, C, H, W] and labels [n], None if one cannot be read; and names and reasons of those that cannot."""


class Reading(TorchDataset[Found]):
    """Reads pictures of a source on request; it says all that decides a pixel, so a reader keeps no state."""

    def __init__(self, source: PictureSource, size: InputSize, preprocessing: Preprocessing) -> None:
        self._source, self._size, self._preprocessing = source, size, preprocessing
        self._scoring = ScoringTransform(size, preprocessing)
        self._training: tuple[Augmentation, TrainingTransform] | None = None

    def __getitem__(self, request: Request) -> Found:
        """Read pictures."""
        images, labels, problems = list[Tensor](), list[int](), list[tuple[str, str]]()
        for index in request.indices:
            found = self._first_readable(index, request, problems)
            if found is not None:
                images.append(found[0])
                labels.append(found[1])
        if len(images) < len(request.indices):
            return None, None, problems
        return torch.stack(images), torch.tensor(labels), problems

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
            picture = self._source.read(index, exactly=augmentation is None)
        except Exception as error:  # noqa: BLE001  foreign bytes, or a user's code; it is told with its name
            return Problem(self._source.name(index), reason_of(error))
        return self._scoring(picture) if augmentation is None else self._trained(augmentation)(picture, seed)

    def _trained(self, augmentation: Augmentation) -> TrainingTransform:
        if self._training is None or self._training[0] != augmentation:
            transform = TrainingTransform(self._size, self._preprocessing, augmentation)
            self._training = augmentation, transform
        return self._training[1]
