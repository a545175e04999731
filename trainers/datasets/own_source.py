"""A user's own `torch.utils.data.Dataset` as a source of pictures: its items checked, its chance seeded."""

import contextlib
import hashlib
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from trainers.datasets.auto import drawn_from
from trainers.datasets.base import InputSize
from trainers.datasets.decoding import DEEP, check_mode, in_mode
from trainers.datasets.source import PictureSource
from trainers.datasets.transforms import Picture
from trainers.errors import DataPathError

SAMPLED = 64
"""So many items of a part are looked at before a run, spread evenly over it."""
_ENOUGH = 2**25

Items = Any
"""What the user's factory made: `len(items)` and `items[index]` work."""


class OwnSource(PictureSource):
    """Items of a user's dataset.

    A reader process has a copy of the items by fork. What cannot be pickled (an open file, a lock) must not be shared
    in that way either: such a dataset is made again by the factory in each process.
    """

    def __init__(
        self, make: Callable[[], Items], part: str, indices: Tensor, labels: Tensor, channels: int, items: Items
    ) -> None:
        """Take some items of a part.

        Args:
            make: makes the part again, in another process.
            part: what messages call it.
            indices: [N] of the items.
            labels: [N] int64 of these.
            channels: of the pictures; PIL images are converted.
            items: the part, as it is in this process.
        """
        self._make, self._part, self._indices, self._labels = make, part, indices, labels
        self._channels, self._items, self._process = channels, items, os.getpid()
        self._shared = _can_be_pickled(items)

    @property
    def labels(self) -> Tensor:
        """The labels, in the order of the items."""
        return self._labels

    def read(self, index: int, *, exactly: bool) -> Picture:
        """An item's picture, with its chance seeded by 0."""
        return self.read_drawn(index, exactly=exactly, seed=0)

    def read_drawn(self, index: int, *, exactly: bool, seed: int) -> Picture:
        """An item's picture. What its transforms draw from torch, NumPy and `random` follows from the seed.

        Where it is scored, it follows from the item alone, whatever part of the dataset it is in.
        """
        at = int(self._indices[index])
        with seeded(at if exactly else seed):
            item = self._here()[at]
        picture, label = checked_item(item, self._part, at)
        if label != int(self._labels[index]):
            raise ValueError(f"its label is {label} now, and was {int(self._labels[index])} before")
        return in_channels(picture, self._channels)

    def name(self, index: int) -> str:
        """Part and index of an item."""
        return f"item {int(self._indices[index])} of {self._part}"

    def described(self) -> Iterator[bytes]:
        """Each item's index and label, and the pixels of some: reading all of them might take hours."""
        for at, label in zip(self._indices.tolist(), self._labels.tolist(), strict=True):
            yield f"{at}\0{label}\n".encode()
        for index in sampled(len(self)):
            yield hashlib.sha256(bytes_of(self.read(index, exactly=True))).digest()

    def _here(self) -> Items:
        if self._items is None or (self._process != os.getpid() and not self._shared):
            self._items, self._process = self._make(), os.getpid()
        return self._items

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_items": None}


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let what draws from torch, NumPy or `random` draw from this seed; they are then as they were."""
    with torch.random.fork_rng(devices=[]), drawn_from(seed % 2**32):
        torch.manual_seed(seed)
        yield


def sampled(count: int, most: int = SAMPLED) -> list[int]:
    """Some indices of so many, spread evenly, the first and the last among them."""
    chosen: list[int] = torch.linspace(0, count - 1, min(count, most)).round().long().tolist()
    return chosen


def checked_item(item: object, part: str, index: int) -> tuple[Picture, int]:
    """Picture and label of an item.

    Raises:
        DataPathError: it is no pair of them.
    """
    where = f"item {index} of {part}"
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise DataPathError(f"{where} is a {_kind(item)}, where a pair of image and label is expected")
    image, label = item
    return _picture(image, where), _label(label, where)


def _picture(image: object, where: str) -> Picture:
    if isinstance(image, Image.Image):
        try:
            check_mode(image)
        except ValueError as error:
            raise DataPathError(f"the image of {where} cannot be used: {error}") from error
        return image
    if not isinstance(image, Tensor):
        raise DataPathError(
            f"the image of {where} is a {_kind(image)}: a PIL image, or a tensor [C, H, W] of uint8 or of floats that "
            "are normalised already, would work"
        )
    if image.ndim != 3 or not (image.dtype == torch.uint8 or image.is_floating_point()):
        raise DataPathError(
            f"the image of {where} is a tensor {list(image.shape)} of {image.dtype}: [C, H, W] of uint8, or of floats "
            "that are normalised already, would work"
        )
    if not image.numel():
        raise DataPathError(f"the image of {where} is empty: a tensor {list(image.shape)}")
    image = image.detach()
    if image.is_floating_point() and not bool(torch.isfinite(image).all()):
        raise DataPathError(f"the image of {where} holds values that are no finite numbers")
    return image if image.dtype == torch.uint8 else image.float()


def _label(label: object, where: str) -> int:
    if isinstance(label, Tensor | np.ndarray) and label.ndim == 0:
        label = label.item()
    if isinstance(label, bool) or not isinstance(label, int | np.integer):
        raise DataPathError(f"the label of {where} is a {_kind(label)} ({label!r:.60}): a whole number would work")
    return int(label)


def _kind(value: object) -> str:
    length = f" of {len(value)}" if isinstance(value, tuple | list) else ""
    return f"{type(value).__name__}{length}"


def in_channels(picture: Picture, channels: int) -> Picture:
    """The picture with this number of channels, if it is one of PIL's; tensors have their own."""
    if not isinstance(picture, Image.Image):
        return picture
    return in_mode(picture, "L" if channels == 1 else "RGB")


def size_of(picture: Picture) -> InputSize:
    """Channels, height and width."""
    if isinstance(picture, Tensor):
        channels, height, width = picture.shape
        return channels, height, width
    return 1 if picture.mode in ("1", "L") or picture.mode.startswith(DEEP) else 3, picture.height, picture.width


def bytes_of(picture: Picture) -> bytes:
    """All pixels."""
    return picture.contiguous().numpy().tobytes() if isinstance(picture, Tensor) else picture.tobytes()


class _EnoughError(Exception):
    """So much could be pickled that the rest will be."""


class _Nowhere:
    def __init__(self) -> None:
        self._left = _ENOUGH

    def write(self, content: Any) -> int:
        self._left -= len(memoryview(content))
        if self._left < 0:
            raise _EnoughError
        return len(memoryview(content))


def _can_be_pickled(items: Sequence[Any]) -> bool:
    try:
        pickle.Pickler(_Nowhere(), protocol=5).dump(items)
    except _EnoughError:
        return True
    except Exception:  # noqa: BLE001  a user's object raises anything
        return False
    return True
