"""A user's own dataset, made by `module:factory`, which only the user's own words may name.

The factory returns (train, test), or (train, holdout, test): datasets of torch whose items are an image and a label.
Images are PIL's, tensors of uint8 (both are resized and augmented as image files are), or tensors of floats, which are
taken as they are. The factory is called with those of `data_path` and `input_size` that it takes by name.
"""

import importlib
import inspect
import logging
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ground.rooms import taken
from pruning.preprocessing import DEFAULT
from trainers.datasets.base import DataInfo, Dataset, InputSize, Split, Splits
from trainers.datasets.layout import HOLDOUT_FRACTION, parted
from trainers.datasets.own_source import Items, OwnSource, bytes_of, checked_item, sampled, seeded, size_of
from trainers.datasets.read_split import ReadSplit
from trainers.datasets.transforms import Picture
from trainers.errors import DataPathError, UnknownDatasetError

LARGE_SIDE, DEFAULT_SIDE = 256, 224
_OF_NUMBERS = DEFAULT.override(mean=(0.5,), std=(0.5,))
"""Of tensors of floats, which are taken as they are: not used, and one value fits any number of channels."""
TRAIN, HOLDOUT, TEST = "the training part", "the holdout", "the test part"

_log = logging.getLogger(__name__)


class OwnDataset(Dataset):
    """Datasets that a factory of the user's makes. Nothing is imported before something is asked of it."""

    takes_preprocessing: ClassVar[bool] = True

    def __init__(self, name: str) -> None:
        # Each of its kind has a name of its own.
        self.name = name  # type: ignore[misc]

    def info(self, data_path: Path | None = None, *, input_size: InputSize | None = None) -> DataInfo:
        """Classes as `classes` or `num_classes` of the training part name them, else by the labels.

        The size is that of its tensors, its `input_size`, or that of its pictures if they are small and all have one;
        otherwise 224×224.
        """
        parts = self._parts(data_path, input_size)
        size = _size_of(parts, input_size)
        prepared = None if parts.floats else self.preprocessing or DEFAULT
        if prepared is not None and size[0] == 1 and len(prepared.mean) == 3:
            prepared = prepared.override(mean=(sum(prepared.mean) / 3,), std=(sum(prepared.std) / 3,))
        if prepared is not None and len(prepared.mean) not in (1, size[0]):
            raise DataPathError(
                f"{parts.made.name!r} yields {size[0]} channels, and the images are prepared by a mean of "
                f"{len(prepared.mean)}: state one value for each channel with --mean and --std, or yield tensors of "
                "floats, which are taken as they are"
            )
        return DataInfo(parts.num_classes, size, parts.classes, prepared)

    def check(self, data_path: Path | None = None) -> int:
        """Read some items of each part, some of them twice."""
        parts = self._parts(data_path, None)
        for name, items in parts.items.items():
            _check_items(name, items, parts)
        if parts.floats and self.preprocessing is not None:
            _log.warning(
                "%s yields tensors of floats, which are taken as they are: mean, std, interpolation and crop do not "
                "count",
                self.name,
            )
        if HOLDOUT in parts.items:
            return len(parts.labels[TRAIN])
        return len(parted(parts.labels[TRAIN], self.name, seed=0).train)

    def holdout_share(self, data_path: Path | None = None) -> float:
        """That of the factory's own holdout; else a tenth, and less of classes of more than 500 images."""
        labels = self._parts(data_path, None).labels
        if HOLDOUT not in labels:
            return HOLDOUT_FRACTION
        return len(labels[HOLDOUT]) / (len(labels[TRAIN]) + len(labels[HOLDOUT]))

    def check_test(self, data_path: Path | None = None) -> None:
        """Read some items of the test part."""
        parts = self._parts(data_path, None)
        _check_items(TEST, parts.items[TEST], parts)

    def splits(self, data_path: Path | None = None, *, seed: int, input_size: InputSize | None = None) -> Splits:
        """The parts; without a holdout of the factory's, a tenth of each class (at most 50) of the training part."""
        info = self.info(data_path, input_size=input_size)
        parts = self._parts(data_path, input_size)
        if HOLDOUT in parts.items:
            train, holdout = (self._split(part, None, parts, info) for part in (TRAIN, HOLDOUT))
        else:
            both = parted(parts.labels[TRAIN], self.name, seed=seed)
            chosen = (torch.from_numpy(both.train), torch.from_numpy(both.holdout))
            train, holdout = (self._split(TRAIN, indices, parts, info) for indices in chosen)
        return Splits(info, train, holdout, self._split(TEST, None, parts, info))

    def _split(self, part: str, indices: Tensor | None, parts: "_Parts", info: DataInfo) -> Split:
        labels = parts.labels[part]
        indices = torch.arange(len(labels)) if indices is None else indices
        make = partial(_part_again, parts.made, part)
        source = OwnSource(make, part, indices, labels[indices], info.input_size[0], parts.items[part])
        return ReadSplit(source, info.input_size, info.preprocessing or _OF_NUMBERS)

    def _parts(self, data_path: Path | None, size: InputSize | None) -> "_Parts":
        return _parts_of(_Made(self.name, data_path, None if size is None else size[1]))


@dataclass(frozen=True, slots=True)
class _Made:
    """What decides what a factory makes."""

    name: str
    data_path: Path | None
    side: int | None


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """What a factory made, looked at.

    Attributes:
        made: by which call.
        items: of each part.
        labels: [N] int64 of each.
        num_classes: number of classes.
        classes: their names, if they have any.
        floats: whether images are tensors of floats.
        size: of the first image.
    """

    made: _Made
    items: dict[str, Items]
    labels: dict[str, Tensor]
    num_classes: int
    classes: tuple[str, ...]
    floats: bool
    size: InputSize


def _part_again(made: _Made, part: str) -> Items:
    """A part in another process."""
    return _called(made)[part]


@lru_cache(maxsize=4)
def _parts_of(made: _Made) -> _Parts:
    items = _called(made)
    classes, named = _named_classes(items[TRAIN], made.name)
    labels = {part: _labels_of(part, found) for part, found in items.items()}
    num_classes = named if named is not None else 1 + max(int(found.max()) for found in labels.values())
    for part, found in labels.items():
        _check_labels(part, found, num_classes, classes)
    first = _picture_at(items[TRAIN], TRAIN, 0)
    floats = isinstance(first, Tensor) and first.is_floating_point()
    return _Parts(made, items, labels, num_classes, classes, floats, size_of(first))


def _called(made: _Made) -> dict[str, Items]:
    """Call the factory.

    Raises:
        UnknownDatasetError: there is none of that name.
        DataPathError: it raises, or returns something else than datasets.
    """
    module, _, function = made.name.rpartition(":")
    if reason := taken(module):
        raise UnknownDatasetError(f"the dataset {made.name!r} cannot be imported: {reason}")
    try:
        factory = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise DataPathError(f"importing {module!r} for the dataset {made.name!r} failed: {error}") from error
        raise UnknownDatasetError(
            f"the dataset {made.name!r} names a module that cannot be imported: {error}"
        ) from error
    except AttributeError as error:
        raise UnknownDatasetError(f"the module {module!r} has no {function!r}, which --dataset names") from error
    except Exception as error:  # a user's module raises anything
        raise DataPathError(
            f"importing {module!r} for the dataset {made.name!r} failed: {type(error).__name__}: {error}"
        ) from error
    return _as_parts(_result(factory, made), made.name)


def _result(factory: Any, made: _Made) -> object:
    offered = {"data_path": made.data_path, "input_size": made.side}
    try:
        takes = inspect.signature(factory).parameters
    except (TypeError, ValueError) as error:
        raise DataPathError(f"the dataset {made.name!r} is a {type(factory).__name__}, no function") from error
    if made.data_path is not None and "data_path" not in takes:
        raise DataPathError(
            f"the factory {made.name!r} takes no 'data_path', and the data path {str(made.data_path)!r} was given: "
            "leave it out, or let the factory take it"
        )
    try:
        with seeded(0):
            return factory(**{name: value for name, value in offered.items() if name in takes})
    except Exception as error:  # a user's code raises anything
        raise DataPathError(f"the factory {made.name!r} failed: {type(error).__name__}: {error}") from error


def _as_parts(result: object, name: str) -> dict[str, Items]:
    expected = "(train, test) or (train, holdout, test) are expected"
    if not isinstance(result, tuple | list) or len(result) not in (2, 3):
        count = f" of {len(result)}" if isinstance(result, tuple | list) else ""
        raise DataPathError(f"the factory {name!r} returned a {type(result).__name__}{count}: {expected}")
    names = (TRAIN, TEST) if len(result) == 2 else (TRAIN, HOLDOUT, TEST)
    for part, items in zip(names, result, strict=True):
        for method in ("__len__", "__getitem__"):
            if not hasattr(type(items), method):
                raise DataPathError(
                    f"{part} that {name!r} returned, a {type(items).__name__}, has no {method}: a dataset whose items "
                    "have an index is expected (an iterable one cannot be split and shuffled)"
                )
        if _length(items, part) == 0:
            raise DataPathError(f"{part} that {name!r} returned is empty")
    return dict(zip(names, result, strict=True))


def _length(items: Items, part: str) -> int:
    try:
        return len(items)
    except Exception as error:  # torch's own Dataset has a __len__ in name only
        raise DataPathError(f"{part} has no length: {type(error).__name__}: {error}") from error


def _named_classes(train: Items, name: str) -> tuple[tuple[str, ...], int | None]:
    """Names and number of the classes, as far as the training part states them."""
    classes, number = getattr(train, "classes", None), getattr(train, "num_classes", None)
    if number is not None:
        try:
            number = None if isinstance(number, bool) else operator.index(number)  # NumPy's and torch's, too
        except TypeError:
            number = 0
        if number is None or number < 2:
            given = train.num_classes
            raise DataPathError(f"{name!r} has num_classes = {given!r}: a whole number from 2 on is expected")
    if isinstance(classes, np.ndarray) and classes.ndim == 1:
        classes = classes.tolist()
    if classes is not None and not isinstance(classes, str) and isinstance(classes, Sequence):
        if number not in (None, len(classes)):
            raise DataPathError(f"{name!r} has {len(classes)} classes by name, and num_classes = {number}")
        return tuple(map(str, classes)), len(classes)
    return (), number


def _labels_of(part: str, items: Items) -> Tensor:
    """All labels: by `targets` if that agrees with the items, else by reading every item."""
    count = _length(items, part)
    found = _targets_of(items, count)
    if found is not None and all(_item_at(items, part, at)[1] == int(found[at]) for at in sampled(count, 8)):
        return found
    if count > 10_000:
        _log.warning("all %s items of %s are read for their labels; an attribute `targets` would spare it", count, part)
    return torch.tensor([_item_at(items, part, at)[1] for at in range(count)], dtype=torch.int64)


def _targets_of(items: Items, count: int) -> Tensor | None:
    """The attribute `targets` as so many whole numbers; None where it is anything else, as names of classes."""
    try:
        targets = getattr(items, "targets", None)
        if targets is None or getattr(items, "target_transform", None) is not None or len(targets) != count:
            return None
        found = torch.as_tensor(np.asarray(targets))
    except Exception:  # noqa: BLE001  a user's attribute raises anything, and the items themselves are still there
        return None
    whole = found.ndim == 1 and not (found.is_floating_point() or found.is_complex() or found.dtype == torch.bool)
    return found.long() if whole else None


def _check_labels(part: str, labels: Tensor, num_classes: int, classes: Sequence[str]) -> None:
    outside = torch.nonzero((labels < 0) | (labels >= num_classes)).flatten()
    if len(outside):
        raise DataPathError(
            f"item {int(outside[0])} of {part} has the label {int(labels[outside[0]])}, outside of 0 to "
            f"{num_classes - 1} ({len(outside)} items have)"
        )
    missing = sorted(set(range(num_classes)) - set(labels.unique().tolist()))
    if missing and part != TEST:
        named = f" ({classes[missing[0]]!r})" if classes else ""
        raise DataPathError(f"{part} has no item of class {missing[0]}{named}, of {num_classes} classes")


def _item_at(items: Items, part: str, index: int, seed: int = 0) -> tuple[Picture, int]:
    try:
        with seeded(seed):
            item = items[index]
    except Exception as error:  # a user's code raises anything
        raise DataPathError(f"item {index} of {part} cannot be read: {type(error).__name__}: {error}") from error
    return checked_item(item, part, index)


def _picture_at(items: Items, part: str, index: int) -> Picture:
    return _item_at(items, part, index)[0]


def _size_of(parts: _Parts, asked: InputSize | None) -> InputSize:
    channels, height, width = parts.size
    named = getattr(parts.items[TRAIN], "input_size", None)
    if parts.floats:
        if asked is not None and asked != parts.size:
            raise DataPathError(
                f"{parts.made.name!r} yields tensors of floats of {_times(parts.size)}, which are taken as they are, "
                f"and {_times(asked)} is asked for: let the factory take 'input_size' and resize them"
            )
        return parts.size
    if asked is not None:
        if asked[0] != channels and isinstance(_picture_at(parts.items[TRAIN], TRAIN, 0), Tensor):
            raise DataPathError(f"{parts.made.name!r} yields {channels} channels, and {asked[0]} are asked for")
        return asked
    if named is not None:
        return _named_size(named, channels, parts.made.name)
    pictures = (_picture_at(parts.items[TRAIN], TRAIN, at) for at in sampled(len(parts.labels[TRAIN])))
    if max(height, width) <= LARGE_SIDE and all(size_of(picture)[1:] == (height, width) for picture in pictures):
        return parts.size
    return channels, DEFAULT_SIDE, DEFAULT_SIDE


def _named_size(named: object, channels: int, name: str) -> InputSize:
    sides = (named, named) if isinstance(named, int) else named
    if isinstance(sides, tuple | list) and len(sides) == 3:
        channels, sides = sides[0], sides[1:]
    if not (isinstance(sides, tuple | list) and len(sides) == 2 and all(isinstance(x, int) and x > 0 for x in sides)):
        raise DataPathError(f"{name!r} has input_size = {named!r}: a side, (height, width) or (C, H, W) is expected")
    return channels, sides[0], sides[1]


def _times(size: InputSize) -> str:
    return "×".join(map(str, size))


def _check_items(part: str, items: Items, parts: _Parts) -> None:
    """Look at some items: of one kind and one size, and the same with the same seed.

    Raises:
        DataPathError: they are not.
    """
    for at in sampled(len(parts.labels[part])):
        picture = _picture_at(items, part, at)
        floats = isinstance(picture, Tensor) and picture.is_floating_point()
        if floats != parts.floats:
            raise DataPathError(
                f"item {at} of {part} is of another kind than the first: tensors of floats are, or none"
            )
        size = size_of(picture)
        if parts.floats and size != parts.size:
            raise DataPathError(
                f"item {at} of {part} is {_times(size)}, and the first of the training part {_times(parts.size)}: "
                "tensors of floats are taken as they are, so all must have one size"
            )
        if isinstance(picture, Tensor) and size[0] != parts.size[0]:
            raise DataPathError(f"item {at} of {part} has {size[0]} channels, and the first {parts.size[0]}")
    if bytes_of(_picture_at(items, part, 0)) != bytes_of(_picture_at(items, part, 0)):
        raise DataPathError(
            f"item 0 of {part} is another one each time, although torch, NumPy and random were seeded alike: what it "
            "draws must come from their generators, or no training can be repeated"
        )
