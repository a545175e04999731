"""What a folder of image files holds, class by class, and what is refused or said of it."""

import logging
from pathlib import Path

import torch
from torch import Tensor

from trainers.datasets.decoding import check_headers, refuse, too_many
from trainers.datasets.files import Files
from trainers.datasets.holdout import Partition, stratified_holdout
from trainers.datasets.listing import Listing, class_names, is_hidden, list_images
from trainers.errors import DataPathError

HOLDOUT_FRACTION = 0.1
HOLDOUT_PER_CLASS = 50
_PARTS = {
    "train": frozenset({"train", "training", "trainset", "train_set", "training_set"}),
    "val": frozenset({"val", "valid", "validation", "validation_set", "test", "testing", "testset", "test_set"}),
}
"""How others name the two parts."""
_ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar")

_log = logging.getLogger(__name__)


def classes_of(part: Path) -> tuple[str, ...]:
    """The classes of a part, one per folder.

    Raises:
        DataPathError: there are fewer than two.
    """
    names = class_names(part)
    if len(names) < 2:
        raise DataPathError(f"{str(part)!r} holds {len(names)} class folders: expected at least two, one per class")
    return names


def likely_parts(folder: Path, part: str | None = None) -> list[str]:
    """Folders whose names say that they are a part, `train` or `val` or either, in lower or upper case."""
    wanted = _PARTS["train"] | _PARTS["val"] if part is None else _PARTS[part]
    return sorted(entry.name for entry in folder.iterdir() if entry.name.casefold() in wanted and entry.is_dir())


def describe_missing(data_path: Path, part: str) -> str:
    """Say that a data path has no folder `train` or `val`, and what it may have in its place."""
    folder, hint = data_path.name, ""
    if data_path.is_file():
        what, folder = "is a file: an archive has to be unpacked first. It has no folder", data_path.stem
    elif not data_path.is_dir():
        what = "does not exist, so it has no folder"
    else:
        what = "has no folder"
        if other := _likely_parts(data_path, _PARTS[part]):
            hint = f"; {other[0]!r} is there: `ln -s {other[0]} {data_path / part}` gives it that name"
        elif packed := sorted(path for path in data_path.iterdir() if path.name.lower().endswith(_ARCHIVES)):
            hint = f"; {str(packed[0])!r} there looks like an archive that is still to be unpacked"
    return (
        f"the data path {str(data_path)!r} {what} {part!r}: expected {folder}/train/<class>/ and {folder}/val/<class>/ "
        f"with image files in them, or (of 'imagefolder') {folder}/<class>/ alone, which is split by a fixed seed{hint}"
    )


def has_parts(folder: Path) -> bool:
    """Whether a folder in a folder is a part by its name, in lower or upper case, and not a class."""
    return bool(_likely_parts(folder, _PARTS["train"] | _PARTS["val"]))


def _likely_parts(folder: Path, names: frozenset[str]) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.name.casefold() in names and entry.is_dir())


def check_same_classes(train: Path, test: Path) -> None:
    """Check that both parts have the same classes.

    Raises:
        DataPathError: they have not.
    """
    ours, theirs = set(classes_of(train)), set(classes_of(test))
    if ours != theirs:
        odd = ", ".join(sorted(ours ^ theirs)[:5])
        raise DataPathError(
            f"{str(train)!r} and {str(test)!r} name different classes (for example {odd}): "
            "both must have the same folders"
        )


def files_of(part: Path, classes: tuple[str, ...], *, trained: bool) -> Files:
    """The files of a part, without those that the file system shows to be none.

    Args:
        part: the folder.
        classes: its classes, in the order of their labels.
        trained: whether a small share may be left out.

    Raises:
        DataPathError: there are such files; if trained on, too many.
    """
    listing = list_images(part, classes)
    problems = len(listing.problems)
    if too_many(problems, len(listing.samples)) if trained else problems:
        refuse(listing.problems, len(listing.samples) + problems)
    return Files.of(listing.samples)


def parted(labels: Tensor, place: Path | str, *, seed: int) -> Partition:
    """What is trained on, and what is held out; the sizes are the same for every seed.

    Args:
        labels: of all images.
        place: the folder that holds them, or the name of the factory that made them; for the message.
        seed: decides which are held out.

    Raises:
        DataPathError: a class has too few images.
    """
    try:
        return stratified_holdout(
            labels.numpy(), fraction=HOLDOUT_FRACTION, seed=seed, per_class_limit=HOLDOUT_PER_CLASS
        )
    except ValueError as error:
        known = classes_of(place) if isinstance(place, Path) else ()
        images = labels.bincount(minlength=len(known)).tolist()
        names = known or [f"class {number}" for number in range(len(images))]
        scarce = [name for name, count in zip(names, images, strict=True) if count < 2]
        raise DataPathError(
            f"{place} cannot be split: {error}. Too few are in {len(scarce)} of {len(names)} classes: "
            f"{', '.join(scarce[:3])}{', …' if len(scarce) > 3 else ''}"
        ) from error


def check_parts(train: Path, test: Path) -> int:
    """Look at every file's name and size and at the headers, and say what links make of the folder.

    Returns:
        How many images would be trained on.

    Raises:
        DataPathError: images cannot be read; if they are trained on, too many of them.
    """
    check_same_classes(train, test)
    listings = {part: list_images(part, classes_of(part)) for part in (train, test)}
    paths = [path for listing in listings.values() for path, _ in listing.samples]
    problems = [problem for listing in listings.values() for problem in listing.problems]
    of = len(paths) + len(problems)
    problems += check_headers(paths)
    trained = [problem for problem in problems if Path(problem.path).is_relative_to(train)]
    if len(trained) < len(problems) or too_many(len(trained), len(listings[train].samples)):
        refuse(problems, of)
    for problem in trained:
        _log.warning("the image %r cannot be read (%s): it is not trained on", problem.path, problem.reason)
    for place, listing in listings.items():
        known = classes_of(place)
        left = [entry for entry in place.iterdir() if entry.is_dir() and entry.name not in known]
        listing.loops += [str(entry) for entry in left if not is_hidden(entry.name)]
        say_odd(place, listing)
    shared = set(listings[train].identities) & set(listings[test].identities)
    if shared:
        _log.warning("%d images of %s are also in %s: the test set is not unseen", len(shared), train, test)
    labels = torch.tensor([label for _, label in listings[train].samples])
    return len(parted(labels, train, seed=0).train)


def check_part(part: Path) -> None:
    """Look at the files of a part that is scored.

    Raises:
        DataPathError: images cannot be read.
    """
    listing = list_images(part, classes_of(part))
    paths = [path for path, _ in listing.samples]
    refuse([*listing.problems, *check_headers(paths)], len(paths) + len(listing.problems))
    say_odd(part, listing)


def say_odd(part: Path, listing: Listing) -> None:
    """Say what links make of a part, and what of it is not read."""
    labels: dict[tuple[int, int], set[int]] = {}
    for (_, label), identity in zip(listing.samples, listing.identities, strict=True):
        labels.setdefault(identity, set()).add(label)
    twice = sum(len(found) > 1 for found in labels.values())
    hidden = sorted(str(entry) for entry in part.iterdir() if entry.is_dir() and is_hidden(entry.name))
    for paths, what in (
        (listing.loops, "links in %s lead back to a folder that holds them and are not followed (%s)"),
        (listing.repeated, "files and folders in %s are in their class by another path already: counted once (%s)"),
        (listing.outside, "links in %s lead to folders elsewhere and are followed (%s)"),
        (listing.others, "files in %s are pictures of a format that is not read, and are left out (%s)"),
        (hidden, "hidden folders in %s are no classes (%s)"),
    ):
        if paths:
            _log.warning(f"%d {what}", len(paths), part, paths[0])
    if twice:
        _log.warning("%d images in %s are in several classes: each has several labels", twice, part)
