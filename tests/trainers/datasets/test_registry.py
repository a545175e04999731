"""Datasets by name."""

import pickle

import pytest

from trainers.datasets.registry import DATASETS, dataset
from trainers.errors import UnknownDatasetError


@pytest.mark.parametrize("name", DATASETS)
def test_known(name: str) -> None:
    assert dataset(name).name == name


def test_a_near_miss_is_named() -> None:
    with pytest.raises(UnknownDatasetError, match=r"'digitz'.*did you mean 'digits'"):
        dataset("digitz")


def test_far_off_lists_what_there_is() -> None:
    with pytest.raises(UnknownDatasetError, match="known datasets are digits, shapes, imagefolder, imagenet"):
        dataset("qqqqq")


def test_the_error_survives_pickling() -> None:
    with pytest.raises(UnknownDatasetError) as caught:
        dataset("nope")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301
