"""One folder per class and nothing else: the test images are a fixed share of each class, chosen by their names."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from trainers.datasets.decoding import check_headers, refuse, too_many
from trainers.datasets.files import Files
from trainers.datasets.layout import classes_of, has_parts, parted, say_odd
from trainers.datasets.listing import class_names, list_images
from trainers.errors import DataPathError

TEST_FRACTION = 0.2
_TEST_SEED = 0
_PARTS = ("train", "val")

_log = logging.getLogger(__name__)


def is_one_folder(data_path: Path) -> bool:
    """Whether a folder holds class folders instead of `train/` and `val/`."""
    if not data_path.is_dir() or has_parts(data_path):
        return False
    names = class_names(data_path)
    # A folder of whole datasets is none: its folders are no classes.
    return len(names) > 1 and not any((data_path / name / part).is_dir() for name in names for part in _PARTS)


@dataclass(frozen=True, slots=True)
class OneFolder:
    """A folder of class folders in two parts.

    Attributes:
        place: the folder.
        classes: in the order of their labels.
        pool: what is trained on and held out.
        test: the same images for every seed of a search. A new file moves at most one of the others.
    """

    place: Path
    classes: tuple[str, ...]
    pool: Files
    test: Files

    @classmethod
    def of(cls, place: Path) -> "OneFolder":
        """List the images, and split them.

        Raises:
            DataPathError: there are too few, or too many that cannot be images.
        """
        classes = classes_of(place)
        listing = list_images(place, classes)
        if too_many(len(listing.problems), len(listing.samples)):
            refuse(listing.problems, len(listing.samples) + len(listing.problems))
        labels = np.array([label for _, label in listing.samples], dtype=np.int64)
        names = [Path(path).relative_to(place).as_posix() for path, _ in listing.samples]
        tested = _tested(names, labels, place)
        files = Files.of(listing.samples, place)
        pool, test = (files.take(torch.from_numpy(np.flatnonzero(mask))) for mask in (~tested, tested))
        return cls(place, classes, pool, test)

    def check(self) -> int:
        """Look at the headers, and say how the folder is split.

        Returns:
            How many images would be trained on.

        Raises:
            DataPathError: images cannot be read: any of the test's, or too many of the others.
        """
        self.check_test()
        problems = check_headers([path for path, _ in self.pool])
        if too_many(len(problems), len(self.pool)):
            refuse(problems, len(self.pool))
        for problem in problems:
            _log.warning("the image %r cannot be read (%s): it is not trained on", problem.path, problem.reason)
        say_odd(self.place, list_images(self.place, self.classes))
        return len(parted(self.pool.labels, self.place, seed=0).train)

    def check_test(self) -> None:
        """Look at the headers of the test images, and say how the folder is split.

        Raises:
            DataPathError: one cannot be read.
        """
        _log.warning(
            "%s has no train/ and val/: of its %s images, %s (%.0f %% of each class, chosen by their names, the same "
            "for every seed) are the test set, and the others are trained on and held out",
            self.place,
            f"{len(self.pool) + len(self.test):,}",
            f"{len(self.test):,}",
            100 * TEST_FRACTION,
        )
        refuse(check_headers([path for path, _ in self.test]), len(self.test))


def _tested(names: list[str], labels: NDArray[np.int64], place: Path) -> NDArray[np.bool_]:
    """Which images are the test's: those of each class whose names have the smallest hashes."""
    ranks = np.array([_rank(name) for name in names])
    tested = np.zeros(len(names), dtype=np.bool_)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < 3:
            raise DataPathError(
                f"{names[members[0]]!r} in {str(place)!r} is of a class with {len(members)} images: a folder without "
                "train/ and val/ is split in three, so each class needs 3"
            )
        count = max(1, round(TEST_FRACTION * len(members)))
        tested[members[np.argsort(ranks[members])[:count]]] = True
    return tested


def _rank(name: str) -> str:
    return hashlib.sha256(f"{_TEST_SEED}/{name}".encode(errors="surrogateescape")).hexdigest()
