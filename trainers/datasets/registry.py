"""Datasets by name. A new one is a file beside this and a line here."""

from difflib import get_close_matches

from trainers.datasets.base import Dataset
from trainers.datasets.digits import Digits
from trainers.datasets.imagefolder import ImageFolder, ImageNet
from trainers.datasets.shapes import Shapes
from trainers.errors import UnknownDatasetError

DATASETS: dict[str, type[Dataset]] = {kind.name: kind for kind in (Digits, Shapes, ImageFolder, ImageNet)}


def dataset(name: str) -> Dataset:
    """The dataset of that name. Raises UnknownDatasetError, with near misses."""
    kind = DATASETS.get(name)
    if kind is None:
        near = get_close_matches(name.lower(), DATASETS, n=2, cutoff=0.5)
        hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        raise UnknownDatasetError(f"unknown dataset {name!r}: {hint}known datasets are {', '.join(DATASETS)}")
    return kind()
