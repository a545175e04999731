"""The procedural dataset: what its classes look like, and what drawing costs."""

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.trainers.datasets.contract import DatasetContract
from trainers.datasets.base import Dataset
from trainers.datasets.shapes import SHAPES, TEXTURES, Shapes, draw


class TestShapes(DatasetContract):
    @pytest.fixture(scope="class")
    def data(self) -> Dataset:
        return Shapes()


def drawn(labels: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return draw(labels, torch.Generator().manual_seed(seed))


def test_images_follow_the_generator() -> None:
    labels = torch.arange(20)
    assert torch.equal(drawn(labels), drawn(labels))
    assert not torch.equal(drawn(labels), drawn(labels, seed=1))


def test_values_are_within_zero_and_one() -> None:
    images = drawn(torch.arange(40) % 20)
    assert images.shape == (40, 3, 32, 32)
    assert float(images.min()) >= 0.0
    assert float(images.max()) <= 1.0


def test_the_label_changes_the_picture_and_nothing_else_does() -> None:
    """One generator state, two labels: the pictures differ inside the figure and agree far from it."""
    plain_disc, plain_cross = drawn(torch.tensor([0])), drawn(torch.tensor([3 * len(TEXTURES)]))
    changed = (plain_disc - plain_cross).abs().amax(dim=(0, 1)) > 0.02
    assert 20 < int(changed.sum()) < 32 * 32 // 2
    assert not changed[:, 0].any()


def test_there_are_twenty_classes() -> None:
    assert len(SHAPES) * len(TEXTURES) == Shapes().info().num_classes == 20


class Counted(TorchDispatchMode):
    """How many tensor operations run."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operations += 1
        return func(*args, **(kwargs or {}))


def test_many_are_drawn_with_as_many_operations_as_few() -> None:
    """This is why thousands of images take about a second."""
    counts = []
    for labels in (torch.arange(2), torch.arange(200) % 20):
        with Counted() as counted:
            drawn(labels)
        counts.append(counted.operations)
    assert counts[0] == counts[1] > 0
