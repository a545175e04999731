"""Folders of image files, `train/<class>/…` and `val/<class>/…`, read on demand. ImageNet is one."""

import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, default_collate
from torch.utils.data import Dataset as TorchDataset
from torchvision import transforms

from trainers.datasets.base import Batch, DataInfo, Dataset, InputSize, Split, Splits
from trainers.datasets.decoding import check_headers, decode, refuse
from trainers.datasets.holdout import Partition, stratified_holdout
from trainers.datasets.listing import Listing, Problem, Samples, class_names, list_images
from trainers.errors import DataPathError
from trainers.place import Place
from trainers.schedule import mixed

DEFAULT_SIZE: InputSize = (3, 224, 224)
HOLDOUT_FRACTION = 0.1
HOLDOUT_PER_CLASS = 50
MAX_READERS = 8
TOLERATED_SHARE = 0.01
"""How many of the training images may be left out because they cannot be read."""
_IN_A_ROW = 16
"""So many images one after another that cannot be read are no accident."""
# Per-channel statistics of ImageNet, which published weights expect
# (https://docs.pytorch.org/vision/stable/models.html).
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CROP_RATIO = 0.875
_PREPROCESSING = f"{{height}}×{{width}}, centre {_CROP_RATIO}, bilinear, mean {_MEAN}, deviation {_STD}"

_log = logging.getLogger(__name__)


class ImageFolder(Dataset):
    """Any folder with `train/` and `val/`, with one sub-folder per class; `val/` is the test part."""

    name: ClassVar[str] = "imagefolder"
    needs_path: ClassVar[bool] = True

    def info(self, data_path: Path | None = None, *, input_size: InputSize | None = None) -> DataInfo:
        """One class per folder in `train/`; 224×224 RGB unless asked otherwise."""
        return _info(_classes(self._part(data_path, "train")), input_size)

    def splits(self, data_path: Path | None = None, *, seed: int, input_size: InputSize | None = None) -> Splits:
        """The files' names in three parts; at most 50 images of a class are in the holdout."""
        info = self.info(data_path, input_size=input_size)
        train_folder, test_folder = self._part(data_path, "train"), self._part(data_path, "val")
        classes = _classes(train_folder)
        _same_classes(train_folder, test_folder)
        pool = _samples(train_folder, classes, tolerated=TOLERATED_SHARE)
        test = _samples(test_folder, classes, tolerated=0.0)
        parts = _parted(pool, train_folder, seed=seed)
        return Splits(
            info=info,
            train=FolderSplit(tuple(pool[i] for i in parts.train), info.input_size),
            holdout=FolderSplit(tuple(pool[i] for i in parts.holdout), info.input_size),
            test=FolderSplit(test, info.input_size),
        )

    def check(self, data_path: Path | None = None) -> int:
        """Look at every file's name and size and at the headers, and say what links make of the folder."""
        parts = {part: self._part(data_path, part) for part in ("train", "val")}
        _same_classes(*parts.values())
        listings = {part: list_images(place, _classes(place)) for part, place in parts.items()}
        paths = [path for listing in listings.values() for path, _ in listing.samples]
        problems = [problem for listing in listings.values() for problem in listing.problems]
        of = len(paths) + len(problems)
        problems += check_headers(paths)
        trained = [problem for problem in problems if Path(problem.path).is_relative_to(parts["train"])]
        if len(trained) < len(problems) or len(trained) > TOLERATED_SHARE * len(listings["train"].samples):
            refuse(problems, of)
        for problem in trained:
            _log.warning("the image %r cannot be read (%s): it is not trained on", problem.path, problem.reason)
        for place, listing in zip(parts.values(), listings.values(), strict=True):
            known = _classes(place)
            listing.loops += [str(entry) for entry in place.iterdir() if entry.is_dir() and entry.name not in known]
            _say_odd(place, listing)
        shared = set(listings["train"].identities) & set(listings["val"].identities)
        if shared:
            _log.warning("%d images of %s are also in %s: the test set is not unseen", len(shared), *parts.values())
        return len(_parted(listings["train"].samples, parts["train"], seed=0).train)

    def test_info(self, data_path: Path | None = None, *, input_size: InputSize | None = None) -> DataInfo:
        """One class per folder in `val/`, or in `train/` if that is there too."""
        if data_path is not None and (data_path / "train").is_dir():
            return self.info(data_path, input_size=input_size)
        return _info(_classes(self._part(data_path, "val")), input_size)

    def check_test(self, data_path: Path | None = None) -> None:
        """Look at the files of `val/` alone."""
        place = self._part(data_path, "val")
        listing = list_images(place, _classes(place))
        paths = [path for path, _ in listing.samples]
        refuse([*listing.problems, *check_headers(paths)], len(paths) + len(listing.problems))
        _say_odd(place, listing)

    def test_part(
        self, data_path: Path | None = None, *, input_size: InputSize | None = None
    ) -> tuple[DataInfo, Split]:
        """The files' names in `val/`; `train/` is not read, and if it is there it must have the same classes."""
        info, place = self.test_info(data_path, input_size=input_size), self._part(data_path, "val")
        if data_path is not None and (data_path / "train").is_dir():
            _same_classes(data_path / "train", place)
        return info, FolderSplit(_samples(place, _classes(place), tolerated=0.0), info.input_size)

    def _part(self, data_path: Path | None, part: str) -> Path:
        if data_path is None:
            raise DataPathError(f"the dataset {self.name!r} is read from a folder: give its data path")
        place = data_path / part
        if not place.is_dir():
            what = "has no folder" if data_path.is_dir() else "does not exist, so it has no folder"
            raise DataPathError(
                f"the data path {str(data_path)!r} {what} {part!r}: expected "
                f"{data_path.name}/train/<class>/ and {data_path.name}/val/<class>/ with image files in them"
            )
        return place


class ImageNet(ImageFolder):
    """ImageNet-1k in the layout above: exactly 1,000 classes."""

    name: ClassVar[str] = "imagenet"

    def info(self, data_path: Path | None = None, *, input_size: InputSize | None = None) -> DataInfo:
        """As for any folder of images, but with exactly 1,000 classes."""
        found = super().info(data_path, input_size=input_size)
        if found.num_classes != 1000:
            raise DataPathError(
                f"{str(data_path)!r} has {found.num_classes} classes, ImageNet has 1000: "
                "choose the dataset 'imagefolder' for a folder with other classes"
            )
        return found


@dataclass(frozen=True, slots=True, eq=False)
class FolderSplit(Split):
    """Image files, decoded by worker processes while the model computes.

    Attributes:
        samples: file and label of each image.
        size: channels, height and width that images are resized to.
        readers: worker processes; None takes one per core, at most 8; 0 reads in this process.
        unreadable: files that were left out of training so far, and why.
    """

    samples: Samples
    size: InputSize
    readers: int | None = None
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def labels(self) -> Tensor:
        """The labels of all files, in their order."""
        return torch.tensor([label for _, label in self.samples], dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.samples)

    def images(self, indices: Tensor) -> Tensor:
        """Decode the files at these indices, all at once."""
        batches = self.batches([indices], place=Place(torch.device("cpu")), augment=False, seed=0)
        return next(iter(batches))[0]

    def batches(
        self,
        index_batches: Sequence[Tensor],
        *,
        place: Place,
        augment: bool,
        seed: int,
        first: int = 0,
        lenient: bool = False,
    ) -> Iterator[Batch]:
        """Yield batches as the reader processes decode them, a few ahead of the model."""
        readers = self.readers if self.readers is not None else min(MAX_READERS, len(os.sched_getaffinity(0)))
        loader: DataLoader[_Read | Problem] = DataLoader(
            _Files(self.samples, _transform(self.size, augment=augment), seed, lenient=lenient),
            batch_sampler=[place.share(batch).tolist() for batch in index_batches[first:]],
            num_workers=readers,
            collate_fn=_collate,
            # Without its own, each epoch's loader would draw from the generator that dropout draws from.
            generator=torch.Generator(),
            pin_memory=place.device.type == "cuda",
        )
        for found in loader:
            if isinstance(found, _Unreadable):
                refuse(found.problems, found.of)
            images, labels, left_out = found
            self._leave_out(left_out)
            yield images.to(place.device, non_blocking=True), labels.to(place.device, non_blocking=True)

    def _leave_out(self, problems: Sequence[Problem]) -> None:
        """Note files that cannot be read, once each, and refuse them once they are too many.

        Raises:
            DataPathError: they are.
        """
        for problem in problems:
            if problem.path not in self.unreadable:
                self.unreadable[problem.path] = problem.reason
                _log.warning("the image %r cannot be read (%s): it is left out", problem.path, problem.reason)
        if len(self.unreadable) > TOLERATED_SHARE * len(self):
            refuse([Problem(*item) for item in self.unreadable.items()], len(self))

    def fingerprint(self) -> str:
        """Hash names, labels and file sizes: reading every image would take hours on ImageNet."""
        digest = hashlib.sha256(repr(self.size).encode())
        for path, label in self.samples:
            name = "/".join(Path(path).parts[-3:])
            try:
                size = Path(path).stat().st_size
            except OSError as error:
                raise DataPathError(f"the image {path!r} cannot be read: {error.strerror}") from error
            digest.update(f"{name}\0{label}\0{size}\n".encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """A batch with files that cannot be decoded, of so many."""

    problems: tuple[Problem, ...]
    of: int


@dataclass(frozen=True, slots=True)
class _Read:
    """An image with its label, and the files before it that were left out."""

    image: Tensor
    label: int
    left_out: tuple[Problem, ...]


def _collate(items: list[_Read | Problem]) -> Any:
    problems = tuple(item for item in items if isinstance(item, Problem))
    if problems:
        return _Unreadable(problems, len(items))
    read = [item for item in items if isinstance(item, _Read)]
    images, labels = default_collate([(item.image, item.label) for item in read])
    return images, labels, [problem for item in read for problem in item.left_out]


class _Files(TorchDataset[_Read | Problem]):
    def __init__(self, samples: Samples, transform: Any, seed: int, *, lenient: bool) -> None:
        self._samples, self._transform, self._seed, self._lenient = samples, transform, seed, lenient

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> _Read | Problem:
        """The image at this index; if lenient, the first from there on that can be read."""
        left_out: list[Problem] = []
        for number in range(index, index + (_IN_A_ROW if self._lenient else 1)):
            place = number % len(self._samples)
            path, label = self._samples[place]
            image = decode(path)
            if not isinstance(image, Problem):
                return _Read(self._transformed(image, place), label, tuple(left_out))
            left_out.append(image)
        return left_out[0]

    def _transformed(self, image: Image.Image, index: int) -> Tensor:
        """Seeded by the image, so that the number of reader processes changes no pixel."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mixed(self._seed, index))
            return self._transform(image)


def _transform(size: InputSize, *, augment: bool) -> Any:
    """The usual ImageNet transforms: random crop and mirror to train, resize and centre crop to score."""
    _, height, width = size
    if augment:
        geometry = [transforms.RandomResizedCrop((height, width)), transforms.RandomHorizontalFlip()]
    else:
        larger = (round(height / _CROP_RATIO), round(width / _CROP_RATIO))
        geometry = [
            transforms.Resize(larger[0] if height == width else larger),
            transforms.CenterCrop((height, width)),
        ]
    return transforms.Compose([*geometry, transforms.ToTensor(), transforms.Normalize(_MEAN, _STD)])


def _parted(pool: Sequence[tuple[str, int]], folder: Path, *, seed: int) -> Partition:
    """What is trained on, and what is held out; the sizes are the same for every seed."""
    labels = np.array([label for _, label in pool], dtype=np.int64)
    try:
        return stratified_holdout(labels, fraction=HOLDOUT_FRACTION, seed=seed, per_class_limit=HOLDOUT_PER_CLASS)
    except ValueError as error:
        raise DataPathError(f"{folder} cannot be split: {error}") from error


def _info(classes: tuple[str, ...], input_size: InputSize | None) -> DataInfo:
    size = _checked_size(input_size or DEFAULT_SIZE)
    return DataInfo(len(classes), size, classes, _PREPROCESSING.format(height=size[1], width=size[2]))


def _classes(part: Path) -> tuple[str, ...]:
    names = class_names(part)
    if len(names) < 2:
        raise DataPathError(f"{str(part)!r} holds {len(names)} class folders: expected at least two, one per class")
    return names


def _same_classes(train: Path, test: Path) -> None:
    ours, theirs = set(_classes(train)), set(_classes(test))
    if ours != theirs:
        odd = ", ".join(sorted(ours ^ theirs)[:5])
        raise DataPathError(
            f"{str(train)!r} and {str(test)!r} name different classes (for example {odd}): "
            "both must have the same folders"
        )


def _samples(part: Path, classes: tuple[str, ...], *, tolerated: float) -> Samples:
    """The files of a part, without those that the file system shows to be none if they are but a small share."""
    listing = list_images(part, classes)
    if len(listing.problems) > tolerated * len(listing.samples):
        refuse(listing.problems, len(listing.samples) + len(listing.problems))
    return tuple(listing.samples)


def _say_odd(part: Path, listing: Listing) -> None:
    labels: dict[tuple[int, int], set[int]] = {}
    for (_, label), identity in zip(listing.samples, listing.identities, strict=True):
        labels.setdefault(identity, set()).add(label)
    twice = sum(len(found) > 1 for found in labels.values())
    for paths, what in (
        (listing.loops, "links in %s lead back to a folder that holds them and are not followed (%s)"),
        (listing.repeated, "files and folders in %s are in their class by another path already: counted once (%s)"),
        (listing.outside, "links in %s lead to folders elsewhere and are followed (%s)"),
    ):
        if paths:
            _log.warning(f"%d {what}", len(paths), part, paths[0])
    if twice:
        _log.warning("%d images in %s are in several classes: each has several labels", twice, part)


def _checked_size(size: InputSize) -> InputSize:
    if size[0] != 3:
        raise DataPathError(f"image folders are read in colour (3 channels), the model takes {size[0]}")
    return size
