"""Splits in memory: shifts, sizes and strides."""

import pytest
import torch

from trainers.datasets.augmentation import Augmentation
from trainers.datasets.memory import TensorSplit, drawn_offsets, fitted, row_major, shifted
from trainers.errors import RecipeError
from trainers.place import Place

ALONE = Place(torch.device("cpu"))


def moved(images: torch.Tensor, limit: int) -> torch.Tensor:
    return shifted(images, limit, drawn_offsets(len(images), limit, torch.Generator().manual_seed(0)))


def test_a_shift_moves_and_repeats_the_edge() -> None:
    """With a limit of 1 each image is one of nine moves of the original; all nine turn up."""
    image = torch.arange(12.0).reshape(1, 1, 3, 4)
    padded = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")[0, 0]
    moves = {tuple(padded[r : r + 3, c : c + 4].flatten().tolist()) for r in range(3) for c in range(3)}
    got = moved(image.expand(400, 1, 3, 4), 1)
    assert {tuple(one.flatten().tolist()) for one in got} == moves


def test_channels_move_together() -> None:
    images = torch.rand(50, 1, 6, 6).expand(50, 3, 6, 6)
    got = moved(images, 2)
    assert torch.equal(got[:, 0], got[:, 2])
    assert not torch.equal(got, images)


@pytest.mark.parametrize("channels", [1, 3])
def test_strides_are_those_of_a_new_tensor(channels: int) -> None:
    fresh = torch.empty(4, channels, 6, 6)
    permuted = torch.rand(4, 6, 6, channels).permute(0, 3, 1, 2)
    assert row_major(permuted).stride() == fresh.stride()
    assert torch.equal(row_major(permuted), permuted)
    assert moved(permuted, 1).stride() == fresh.stride()
    assert fitted(permuted, (channels, 6, 6)).stride() == fresh.stride()


def test_flipping_mirrors_about_half() -> None:
    pixels = torch.arange(4.0).reshape(1, 1, 1, 4).expand(300, 1, 1, 4).contiguous()
    split = TensorSplit(pixels, torch.zeros(300, dtype=torch.int64), flip=True)
    ((images, _),) = split.batches([torch.arange(300)], place=ALONE, augment=True, seed=1)
    mirrored = int((images[:, 0, 0, 0] == 3).sum())
    assert 100 < mirrored < 200
    assert int((images[:, 0, 0, 0] == 0).sum()) == 300 - mirrored


def test_fitting_repeats_or_averages_channels() -> None:
    grey = torch.rand(2, 1, 4, 4)
    assert torch.equal(fitted(grey, (3, 4, 4)), grey.expand(2, 3, 4, 4))
    colour = torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(fitted(colour, (1, 4, 4)), colour.mean(1, keepdim=True))
    assert fitted(colour, (3, 8, 6)).shape == (2, 3, 8, 6)


def test_the_fingerprint_sees_pixels_labels_and_augmentation() -> None:
    split = TensorSplit(torch.zeros(2, 1, 2, 2), torch.tensor([0, 1]))
    others = (
        TensorSplit(torch.ones(2, 1, 2, 2), torch.tensor([0, 1])),
        TensorSplit(torch.zeros(2, 1, 2, 2), torch.tensor([1, 0])),
        TensorSplit(torch.zeros(2, 1, 2, 2), torch.tensor([0, 1]), shift=1),
        TensorSplit(torch.zeros(2, 1, 2, 2), torch.tensor([0, 1]), flip=True),
    )
    assert len({split.fingerprint(), *(other.fingerprint() for other in others)}) == 5


def test_a_reading_that_begins_later_sees_the_same_pixels() -> None:
    split = TensorSplit(torch.rand(20, 1, 6, 6), torch.arange(20), shift=2, flip=True)
    batches = torch.arange(20).split(5)
    whole = list(split.batches(batches, place=ALONE, augment=True, seed=4))
    rest = list(split.batches(batches, place=ALONE, augment=True, seed=4, first=2))
    assert all(torch.equal(one, other) for (one, _), (other, _) in zip(rest, whole[2:], strict=True))
    assert [labels.tolist() for _, labels in rest] == [labels.tolist() for _, labels in whole[2:]]


def test_what_cannot_be_done_to_images_in_memory_is_refused() -> None:
    split = TensorSplit(torch.zeros(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64), shift=1)
    with pytest.raises(RecipeError, match=r"in memory.*rand-m9"):
        next(split.batches([torch.arange(4)], place=ALONE, augment=Augmentation(auto="rand-m9"), seed=0))


def test_another_copy_of_an_image_in_memory_is_moved_anew() -> None:
    pixels = torch.arange(64.0).reshape(1, 1, 8, 8).repeat(3, 1, 1, 1)
    split = TensorSplit(pixels, torch.arange(3), shift=4)
    ((images, labels),) = split.batches([torch.tensor([1, 4, 7, 10])], place=ALONE, augment=True, seed=0)
    assert labels.tolist() == [1, 1, 1, 1]
    assert len({image.numpy().tobytes() for image in images}) > 1
