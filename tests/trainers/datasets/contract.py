"""What every dataset guarantees."""

import hashlib
from pathlib import Path

import pytest
import torch

from trainers.datasets.base import Dataset, Split, Splits
from trainers.datasets.registry import dataset
from trainers.place import Place

ALONE = Place(torch.device("cpu"))


def image_hashes(split: Split) -> list[str]:
    images = split.images(torch.arange(len(split)))
    return [hashlib.sha256(image.numpy().tobytes()).hexdigest() for image in images]


class DatasetContract:
    """Inherit it and supply the fixtures `data` and `data_path`."""

    @pytest.fixture(scope="class")
    def data(self) -> Dataset:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    def data_path(self) -> Path | None:
        return None

    @pytest.fixture(scope="class")
    def splits(self, data: Dataset, data_path: Path | None) -> Splits:
        return data.splits(data_path, seed=3)

    def test_it_is_found_by_its_name(self, data: Dataset) -> None:
        assert type(dataset(data.name)) is type(data)

    def test_info_agrees_with_the_splits(self, data: Dataset, data_path: Path | None, splits: Splits) -> None:
        assert data.info(data_path) == splits.info
        for split in (splits.train, splits.holdout, splits.test):
            images = split.images(torch.tensor([0, len(split) - 1]))
            assert images.shape == (2, *splits.info.input_size)
            assert images.dtype == torch.float32
            assert torch.isfinite(images).all()

    def test_labels_are_the_classes(self, splits: Splits) -> None:
        for split in (splits.train, splits.holdout, splits.test):
            assert split.labels.dtype == torch.int64
            assert len(split.labels) == len(split) > 0
            assert set(split.labels.tolist()) == set(range(splits.info.num_classes))

    def test_no_image_is_in_two_parts(self, splits: Splits) -> None:
        train, holdout, test = (set(image_hashes(s)) for s in (splits.train, splits.holdout, splits.test))
        assert not train & holdout
        assert not train & test
        assert not holdout & test

    def test_train_and_holdout_are_the_same_images_whatever_the_seed(
        self, data: Dataset, data_path: Path | None, splits: Splits
    ) -> None:
        other = data.splits(data_path, seed=4)
        pool = sorted(image_hashes(splits.train) + image_hashes(splits.holdout))
        assert pool == sorted(image_hashes(other.train) + image_hashes(other.holdout))
        assert image_hashes(splits.holdout) != image_hashes(other.holdout)

    def test_the_test_part_never_moves(self, data: Dataset, data_path: Path | None, splits: Splits) -> None:
        other = data.splits(data_path, seed=4)
        assert image_hashes(splits.test) == image_hashes(other.test)
        assert torch.equal(splits.test.labels, other.test.labels)

    def test_the_same_seed_gives_the_same_splits(self, data: Dataset, data_path: Path | None, splits: Splits) -> None:
        again = data.splits(data_path, seed=3)
        assert again.train.fingerprint() == splits.train.fingerprint()
        assert again.holdout.fingerprint() == splits.holdout.fingerprint()
        assert splits.train.fingerprint() != splits.holdout.fingerprint()

    def test_the_holdout_has_each_class_in_proportion(self, splits: Splits) -> None:
        classes = splits.info.num_classes
        held = torch.bincount(splits.holdout.labels, minlength=classes)
        pool = held + torch.bincount(splits.train.labels, minlength=classes)
        share = len(splits.holdout) / int(pool.sum())
        assert ((held - pool * share).abs() <= 1.0).all()

    def test_the_share_of_the_holdout_is_known_before_the_data_are_read(
        self, data: Dataset, data_path: Path | None, splits: Splits
    ) -> None:
        """But for what whole images of each class make of it."""
        pool = len(splits.train) + len(splits.holdout)
        assert abs(data.holdout_share(data_path) * pool - len(splits.holdout)) <= splits.info.num_classes / 2

    def test_the_holdout_can_be_trained_on_too(self, splits: Splits) -> None:
        both = splits.train.joined(splits.holdout)
        assert both.labels.tolist() == [*splits.train.labels.tolist(), *splits.holdout.labels.tolist()]
        first = torch.tensor([0])
        assert torch.equal(both.images(first + len(splits.train)), splits.holdout.images(first))
        both.close()

    def test_batches_come_in_the_order_asked_for(self, splits: Splits) -> None:
        asked = [torch.tensor([5, 1]), torch.tensor([0, 2, 7])]
        got = list(splits.train.batches(asked, place=ALONE, augment=False, seed=0))
        assert len(got) == 2
        for indices, (images, labels) in zip(asked, got, strict=True):
            assert torch.equal(labels, splits.train.labels[indices])
            assert torch.equal(images, splits.train.images(indices))

    def test_augmentation_changes_pixels_and_follows_its_seed(self, splits: Splits) -> None:
        asked = [torch.arange(8)]
        plain, first, same, other = (
            next(iter(splits.train.batches(asked, place=ALONE, augment=augment, seed=seed)))[0]
            for augment, seed in ((False, 1), (True, 1), (True, 1), (True, 2))
        )
        assert first.shape == plain.shape
        assert torch.equal(first, same)
        assert not torch.equal(first, other)
        assert not torch.equal(first, plain)
