"""Datasets by name. A new one is a file beside this and a line here."""

from ground.names import did_you_mean, near_misses
from trainers.datasets.base import Dataset
from trainers.datasets.digits import Digits
from trainers.datasets.imagefolder import ImageFolder, ImageNet
from trainers.datasets.shapes import Shapes
from trainers.errors import UnknownDatasetError

DATASETS: dict[str, type[Dataset]] = {kind.name: kind for kind in (Digits, Shapes, ImageFolder, ImageNet)}


def dataset(name: str) -> Dataset:
    """The dataset of that name.

    Raises:
        UnknownDatasetError: there is none; the message names near misses.
    """
    kind = DATASETS.get(name)
    if kind is None:
        hint = did_you_mean(map(repr, near_misses(name.lower(), DATASETS, most=2, likeness=0.5)))
        raise UnknownDatasetError(f"unknown dataset {name!r}: {hint}known datasets are {', '.join(DATASETS)}")
    return kind()
