"""Datasets by name. A new one is a file beside this and a line here."""

from ground.names import did_you_mean, near_misses
from pruning.factories import is_factory
from pruning.preprocessing import Preprocessing
from trainers.datasets.base import Dataset
from trainers.datasets.cifar import Cifar10, Cifar100
from trainers.datasets.digits import Digits
from trainers.datasets.imagefolder import ImageFolder, ImageNet
from trainers.datasets.own import OwnDataset
from trainers.datasets.shapes import Shapes
from trainers.errors import UnknownDatasetError

DATASETS: dict[str, type[Dataset]] = {
    kind.name: kind for kind in (Digits, Shapes, ImageFolder, ImageNet, Cifar10, Cifar100)
}


def dataset(name: str, preprocessing: Preprocessing | None = None) -> Dataset:
    """The dataset of that name.

    Args:
        name: in `DATASETS`, or a factory (`module:factory`): one that was read from a file must pass
            `pruning.factories.check_factory`.
        preprocessing: what the weights expect, where it is known; without effect on a dataset that takes none.

    Raises:
        UnknownDatasetError: there is none; the message names near misses.
    """
    kind = (lambda: OwnDataset(name)) if is_factory(name) else DATASETS.get(name)
    if kind is None:
        hint = did_you_mean(map(repr, near_misses(name.lower(), DATASETS, most=2, likeness=0.5)))
        raise UnknownDatasetError(
            f"unknown dataset {name!r}: {hint}known datasets are {', '.join(DATASETS)}, or your own as module:factory"
        )
    found = kind()
    return found.prepared_by(preprocessing) if preprocessing and found.takes_preprocessing else found
