"""Which image files a folder of classes holds: each real file once per class, whatever links lead to it."""

import os
import stat
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trainers.errors import DataPathError

Samples = tuple[tuple[str, int], ...]
"""Path of an image file, and its label."""
SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""Those that torchvision reads."""
_OTHER_SUFFIXES = (".gif", ".jfif", ".jpe", ".jp2", ".avif", ".heic", ".heif", ".tga", ".svg", ".npy", ".dcm")
"""Of pictures that are not read: left out in silence they would be missed."""

_BESIDE = "._"

_Identity = tuple[int, int]
"""Device and inode: equal for all paths to one real file or folder."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that cannot be read as an image, and why."""

    path: str
    reason: str


@dataclass(slots=True)
class Listing:
    """The image files of all classes, and what was odd about the paths to them.

    Attributes:
        samples: file and label, in the order of class, folder and name.
        identities: of the samples, in the same order.
        problems: files that cannot be images, by what the file system says of them.
        loops: links to a folder that holds them; not followed.
        repeated: files and folders that their class holds by another path already; not counted.
        outside: links to a folder elsewhere; followed.
        others: pictures, by their names, of formats that are not read.
    """

    samples: list[tuple[str, int]] = field(default_factory=list)
    identities: list[_Identity] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    loops: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def class_names(part: Path) -> tuple[str, ...]:
    """The folders in `part`, sorted; a link to a folder that holds `part` is none of its classes, nor is a hidden one.

    Raises:
        DataPathError: `part` cannot be read.
    """
    above = _with_parents(part)
    try:
        folders = [entry for entry in part.iterdir() if entry.is_dir()]
    except OSError as error:
        raise DataPathError(f"the folder {str(part)!r} cannot be read: {error.strerror}") from error
    named = (entry for entry in folders if not is_hidden(entry.name))
    return tuple(sorted(entry.name for entry in named if _identity(entry.stat()) not in above))


def is_hidden(folder: str) -> bool:
    """Whether programs made a folder for themselves, as `.ipynb_checkpoints`."""
    return folder.startswith(".") or folder == "__MACOSX"


def list_images(part: Path, classes: Sequence[str]) -> Listing:
    """List the image files of each class.

    Args:
        part: a folder with one folder per class.
        classes: their names, in the order of their labels.

    Raises:
        DataPathError: a class has no image file, or a folder cannot be read.
    """
    listing = Listing()
    for label, name in enumerate(classes):
        before = len(listing.samples) + len(listing.problems)
        walk = _Walk(part / name, _with_parents(part) | _with_parents(part / name), listing)
        for folder, file, identity in sorted(walk.files()):
            listing.samples.append((f"{folder}{os.sep}{file}", label))
            listing.identities.append(identity)
        if len(listing.samples) + len(listing.problems) == before:
            raise DataPathError(
                f"{str(part)!r}: found no valid file for the class {name!r}: its folder needs images "
                f"({', '.join(SUFFIXES)})" + (f", and {listing.others[0]!r} is none of them" if listing.others else "")
            )
    return listing


class _Walk:
    """Goes through all folders below one, links included, each real folder once."""

    def __init__(self, top: Path, above: set[_Identity], listing: Listing) -> None:
        self._above, self._listing = above, listing
        self._seen = {_identity(top.stat())}
        self._folders, self._links = deque([str(top)]), deque[str]()

    def files(self) -> Iterator[tuple[str, str, _Identity]]:
        """Yield folder, name and identity of each image file.

        Real folders come before linked ones, so that what both hold has the path without a link.
        """
        while self._folders or self._links:
            folder = (self._folders or self._links).popleft()
            for entry in _entries(folder):
                identity = self._take(entry)
                if identity is not None:
                    yield folder, entry.name, identity

    def _take(self, entry: os.DirEntry[str]) -> _Identity | None:
        """The identity of an image file that counts; folders are noted, and what is odd is told."""
        # What macOS keeps beside a picture begins like this, and ends like the picture.
        is_image = entry.name.lower().endswith(SUFFIXES) and not entry.name.startswith(_BESIDE)
        try:
            state = entry.stat()
        except OSError as error:  # a broken link, or one that leads to itself
            if is_image:
                self._listing.problems.append(Problem(entry.path, error.strerror or str(error)))
            return None
        identity = _identity(state)
        if stat.S_ISDIR(state.st_mode):
            self._note_folder(entry, identity)
        elif not is_image:
            if entry.name.lower().endswith(_OTHER_SUFFIXES) or entry.name.startswith(_BESIDE):
                self._listing.others.append(entry.path)
        elif not stat.S_ISREG(state.st_mode):
            self._listing.problems.append(Problem(entry.path, "it is not a regular file"))
        elif state.st_size == 0:
            self._listing.problems.append(Problem(entry.path, "it is empty"))
        elif identity in self._seen:
            self._listing.repeated.append(entry.path)
        else:
            self._seen.add(identity)
            return identity
        return None

    def _note_folder(self, entry: os.DirEntry[str], identity: _Identity) -> None:
        if identity in self._above:
            self._listing.loops.append(entry.path)
        elif identity in self._seen:
            self._listing.repeated.append(entry.path)
        else:
            self._seen.add(identity)
            if entry.is_symlink():
                self._listing.outside.append(entry.path)
            (self._links if entry.is_symlink() else self._folders).append(entry.path)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataPathError(f"the folder {folder!r} cannot be read: {error.strerror}") from error


def _with_parents(folder: Path) -> set[_Identity]:
    real = folder.resolve()
    return {_identity(place.stat()) for place in (real, *real.parents)}


def _identity(state: os.stat_result) -> _Identity:
    return state.st_dev, state.st_ino
