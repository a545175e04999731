"""Pictures that are read on demand: by whom they are read changes none, and readers live as long as their split."""

import contextlib
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from torch import Tensor

from pruning.preprocessing import DEFAULT
from trainers.datasets import readers
from trainers.datasets.augmentation import STANDARD, Augmentation
from trainers.datasets.decoding import check_headers, decoded
from trainers.datasets.files import Files
from trainers.datasets.imagefolder import FolderSplit
from trainers.datasets.read_split import AT_ONCE, ReadSplit
from trainers.datasets.readers import default_readers, usable_cores
from trainers.datasets.source import PictureSource
from trainers.datasets.transforms import Picture
from trainers.errors import DataPathError
from trainers.place import Place

CPU = torch.device("cpu")
ALONE = Place(CPU)
SIZE = (3, 24, 24)
STRONG = Augmentation(auto="rand-m9-mstd0.5-inc1", erasing=0.5)
BATCHES = torch.arange(36).flip(0).split(12)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder, draw = tmp_path_factory.mktemp("jpegs"), np.random.default_rng(0)
    paths = [folder / f"{number}.jpg" for number in range(36)]
    for path in paths:
        Image.fromarray(draw.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(path)
    return Files.of((str(path), number) for number, path in enumerate(paths))


@pytest.fixture
def two(files: Files) -> Iterator[FolderSplit]:
    """A split with two readers."""
    split = FolderSplit(files, SIZE, 2)
    yield split
    split.close()


def epoch(
    split: FolderSplit, seed: int = 3, augment: bool | Augmentation = STRONG, place: Place = ALONE
) -> list[Tensor]:
    return [images for images, _ in split.batches(BATCHES, place=place, augment=augment, seed=seed)]


def ids_of(split: FolderSplit) -> tuple[int, ...]:
    """A function, because a checker takes it that what was looked at once stays."""
    return split.reader_ids


def joined(shares: list[list[Tensor]]) -> list[Tensor]:
    """The batches of all workers together, each image in its place."""
    return [
        torch.stack([images for group in zip(*batch, strict=True) for images in group])
        for batch in zip(*shares, strict=True)
    ]


@pytest.mark.parametrize("augment", [False, STANDARD, STRONG], ids=["scored", "standard", "strong"])
def test_however_many_workers_and_readers_there_are_the_images_are_the_same_to_the_bit(
    files: Files, augment: bool | Augmentation
) -> None:
    alone = epoch(FolderSplit(files, SIZE, 0), augment=augment)
    for count in (0, 2):
        split = FolderSplit(files, SIZE, count)
        for world in (1, 2, 3):
            shares = [epoch(split, augment=augment, place=Place(CPU, rank, world)) for rank in range(world)]
            assert all(map(torch.equal, joined(shares), alone)), f"{world} workers, {count} readers"
        split.close()


def test_another_epoch_has_other_pixels_and_scoring_the_same(two: FolderSplit) -> None:
    assert not torch.equal(epoch(two, seed=3)[0], epoch(two, seed=4)[0])
    assert torch.equal(epoch(two, seed=3, augment=False)[0], epoch(two, seed=4, augment=False)[0])


def test_another_copy_of_an_image_is_another_picture_of_it(two: FolderSplit) -> None:
    asked = [torch.tensor([5, 5 + 36, 5 + 72, 5])]
    ((images, labels),) = two.batches(asked, place=ALONE, augment=True, seed=1)
    assert labels.tolist() == [5, 5, 5, 5]
    assert torch.equal(images[0], images[3])
    assert not torch.equal(images[0], images[1])
    assert not torch.equal(images[1], images[2])


def test_readers_live_across_epochs_and_end_with_their_split(two: FolderSplit) -> None:
    assert not ids_of(two)
    epoch(two)
    first = ids_of(two)
    assert len(first) == 2
    epoch(two, augment=False)
    assert ids_of(two) == first
    two.close()
    assert not ids_of(two)
    assert not any(psutil.pid_exists(pid) for pid in first)
    assert torch.equal(epoch(two)[0], epoch(FolderSplit(two.samples, SIZE, 0))[0]), (
        "and start again where they are needed"
    )


def test_readers_end_when_nobody_holds_their_split(files: Files) -> None:
    split = FolderSplit(files, SIZE, 2)
    epoch(split)
    ids = split.reader_ids
    del split
    # Their end of the pipe is closed, so they are ending; nothing depends on how long that takes.
    _, left = psutil.wait_procs([reader for pid in ids for reader in found(pid)], timeout=120)
    assert [reader for reader in left if reader.status() != psutil.STATUS_ZOMBIE] == []


def test_an_epoch_that_was_left_leaves_nothing_to_the_next(two: FolderSplit) -> None:
    whole = epoch(two)
    for images, _ in two.batches(BATCHES, place=ALONE, augment=False, seed=0):
        assert len(images) == 12
        break
    assert all(map(torch.equal, epoch(two), whole))


def test_for_a_handful_no_reader_is_started(two: FolderSplit) -> None:
    assert two.images(torch.arange(AT_ONCE)).shape == (AT_ONCE, *SIZE)
    assert not two.reader_ids


def test_a_split_travels_without_its_readers(two: FolderSplit) -> None:
    expected = epoch(two)
    there = pickle.loads(pickle.dumps(two))  # noqa: S301  ours
    there.readers = 0
    assert all(map(torch.equal, epoch(there), expected))


def test_what_is_kept_in_memory_are_bytes_that_become_the_same_images(two: FolderSplit) -> None:
    indices = torch.tensor([3, 35, 0])
    kept = two.pixels_at(indices)
    assert kept.images.dtype == torch.uint8
    assert kept.labels.tolist() == [3, 35, 0]
    assert torch.equal(kept.normalisation.of(kept.images), two.images(indices))


def test_a_jpeg_that_ends_early_is_none_to_train_on_either(files: Files, tmp_path: Path) -> None:
    short = tmp_path / "short.jpg"
    short.write_bytes(Path(files.name(0)).read_bytes()[:-300])
    split = FolderSplit([(str(short), 0), *files], SIZE, 0)
    with pytest.raises(DataPathError, match=r"short\.jpg.*cannot be read"):
        next(iter(split.batches([torch.tensor([0])], place=ALONE, augment=True, seed=0)))


def test_pictures_of_any_kind_are_decoded_alike_to_train_and_to_score(tmp_path: Path) -> None:
    """What the fast decoder does not read, PIL does; a JPEG that both read has the same pixels."""
    draw = np.random.default_rng(0)
    photo = Image.fromarray(draw.integers(0, 256, (30, 40, 3), dtype=np.uint8))
    kinds = {
        "rgb.jpg": photo,
        "grey.jpg": photo.convert("L"),
        "inks.jpg": photo.convert("CMYK"),
        "rgba.png": photo.convert("RGBA"),
    }
    whole = Augmentation(scale=(1, 1), ratio=(4 / 3, 4 / 3), flip=0)
    for name, picture in kinds.items():
        picture.save(tmp_path / name)
        split = FolderSplit([(str(tmp_path / name), 0)], (3, 30, 40), 0, DEFAULT.override(crop=1.0))
        images = [
            next(iter(split.batches([torch.tensor([0])], place=ALONE, augment=augment, seed=0)))[0]
            for augment in (whole, False)
        ]
        assert torch.equal(*images), name


def test_sixteen_bits_are_read_by_their_upper_eight_and_what_has_no_white_is_refused(tmp_path: Path) -> None:
    """PIL's own conversion makes nearly all of them white, and all of a picture of numbers up to 1 black."""
    deep = np.random.default_rng(0).integers(0, 2**16, (24, 24), dtype=np.uint16)
    for name in ("deep.png", "deep.tiff"):
        Image.fromarray(deep).save(tmp_path / name)
        assert np.array_equal(np.asarray(decoded(str(tmp_path / name)))[..., 1], deep // 256)
    Image.fromarray((deep / 2**16).astype(np.float32)).save(tmp_path / "share.tiff")
    Image.fromarray(deep.astype(np.int32)).save(tmp_path / "whole.tiff")
    for name, numbers in (("share.tiff", "floating-point"), ("whole.tiff", "32-bit integers")):
        (problem,) = check_headers([str(tmp_path / name)])
        assert numbers in problem.reason
        with pytest.raises(ValueError, match="8 or 16 bits are read"):
            decoded(str(tmp_path / name))


class Odd(PictureSource):
    """Tensors of a user: bytes, or floats that are ready."""

    def __init__(self, *pictures: Tensor) -> None:
        self._pictures = pictures

    @property
    def labels(self) -> Tensor:
        return torch.arange(len(self._pictures))

    def read(self, index: int, *, exactly: bool) -> Picture:
        return self._pictures[index]

    def name(self, index: int) -> str:
        return f"picture {index}"

    def described(self) -> Iterator[bytes]:
        return (picture.numpy().tobytes() for picture in self._pictures)


def test_a_source_may_hold_bytes_or_floats() -> None:
    grey = torch.full((3, 9, 9), 51, dtype=torch.uint8)
    bytes_, floats = ReadSplit(Odd(grey), (3, 6, 6)), ReadSplit(Odd(grey / 255), (3, 9, 9))
    expected = (0.2 - torch.tensor(DEFAULT.mean)) / torch.tensor(DEFAULT.std)
    assert torch.allclose(bytes_.images(torch.tensor([0]))[0, :, 0, 0], expected)
    assert torch.equal(floats.images(torch.tensor([0]))[0], grey / 255)
    assert bytes_.fingerprint() != floats.fingerprint()


def test_names_are_kept_as_they_are() -> None:
    """Also those that are not UTF-8, which a file system may hold."""
    names = ["/a/b c.jpg", "/ä/猫.JPEG", os.fsdecode(b"/raw/\xff.png"), ""]
    kept = Files.of((name, 9 - number) for number, name in enumerate(names))
    assert list(kept) == [(name, 9 - number) for number, name in enumerate(names)]
    assert list(kept.take(torch.tensor([2, 0]))) == [(names[2], 7), (names[0], 9)]
    assert len(Files.of(())) == 0


def test_readers_follow_the_cores_of_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "usable_cores", lambda: 96)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert default_readers() == readers.MOST
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    assert default_readers() == 12
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "200")
    assert default_readers() == 1
    monkeypatch.undo()
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


_LEFT = """
import sys, torch
from pathlib import Path
from trainers.datasets.imagefolder import FolderSplit
from trainers.place import Place
paths = sorted(map(str, Path(sys.argv[1]).iterdir()))
split = FolderSplit([(path, 0) for path in paths], (3, 24, 24), 2)
batches = split.batches(torch.arange(36).split(6), place=Place(torch.device("cpu")), augment=True, seed=0)
next(batches)
print(*split.reader_ids, flush=True)
raise SystemError("in the middle of an epoch")
"""


def found(pid: int) -> Iterator[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        yield psutil.Process(pid)


@pytest.mark.slow
def test_a_process_that_fails_within_an_epoch_ends_with_its_readers(files: Files) -> None:
    folder = str(Path(files.name(0)).parent)
    ended = subprocess.run(
        [sys.executable, "-c", _LEFT, folder], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 1
    assert "in the middle of an epoch" in ended.stderr
    ids = [int(pid) for pid in ended.stdout.split()]
    assert len(ids) == 2
    # Their end of the pipe is closed, so they are ending; nothing depends on how long that takes.
    _, left = psutil.wait_procs([reader for pid in ids for reader in found(pid)], timeout=120)
    assert [reader for reader in left if reader.status() != psutil.STATUS_ZOMBIE] == []
