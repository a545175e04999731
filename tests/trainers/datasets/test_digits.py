"""The handwritten digits against scikit-learn's own loader."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from tests.trainers.datasets.contract import DatasetContract
from trainers.datasets.base import Dataset
from trainers.datasets.digits import Digits, read_digits
from trainers.errors import DataPathError


class TestDigits(DatasetContract):
    @pytest.fixture(scope="class")
    def data(self) -> Dataset:
        return Digits()


def test_they_are_those_that_scikit_learn_loads() -> None:
    pixels, labels = read_digits()
    expected_pixels, expected_labels = load_digits(return_X_y=True)
    np.testing.assert_array_equal(pixels, expected_pixels)
    np.testing.assert_array_equal(labels, expected_labels)


def test_sizes() -> None:
    splits = Digits().splits(seed=0)
    assert (len(splits.train), len(splits.holdout), len(splits.test)) == (1078, 269, 450)


def test_pixels_are_normalised() -> None:
    pixels = Digits().splits(seed=0).train.images(torch.arange(1078))
    assert abs(float(pixels.mean())) < 0.05
    assert 0.8 < float(pixels.std()) < 1.1  # below 1: the upscaling smooths


def test_another_input_size_is_made() -> None:
    splits = Digits().splits(seed=0, input_size=(3, 64, 48))
    assert splits.info.input_size == (3, 64, 48)
    assert splits.test.images(torch.tensor([0])).shape == (1, 3, 64, 48)


def test_a_path_is_refused() -> None:
    with pytest.raises(DataPathError, match=r"'/some/where'.*imagefolder"):
        Digits().splits(Path("/some/where"), seed=0)
