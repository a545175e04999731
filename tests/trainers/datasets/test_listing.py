"""Which files an image folder holds, whatever links lead to them, and which of them are no images."""

import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torchvision.datasets.folder import IMG_EXTENSIONS, make_dataset

from cli.main import main
from tests.trainers.datasets.test_imagefolder import make_folder
from trainers.datasets import decoding
from trainers.datasets.imagefolder import ImageFolder
from trainers.datasets.listing import SUFFIXES, class_names, list_images
from trainers.errors import DataPathError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "images", classes=2, train=10, test=4)


def real(paths: object) -> list[str]:
    return [os.path.realpath(path) for path, _ in paths]  # type: ignore[attr-defined]


def test_without_links_it_is_torchvision_s_listing_in_its_order(folder: Path) -> None:
    train = folder / "train"
    for name in ("b/deep", "a", "a-b", "a.b"):
        place = train / "class1" / name
        place.mkdir(parents=True)
        shutil.copy(train / "class1" / "000.png", place / "x.PNG")
        (place / "notes.txt").write_text("no image")
    assert SUFFIXES == IMG_EXTENSIONS
    classes = class_names(train)
    theirs = make_dataset(str(train), {name: number for number, name in enumerate(classes)}, IMG_EXTENSIONS)
    assert list_images(train, classes).samples == theirs
    assert len(theirs) == 24


@pytest.mark.parametrize("target", [".", "..", "../..", "../../..", "{self}", "deep/.."])
def test_a_loop_adds_no_image(folder: Path, target: str, caplog: pytest.LogCaptureFixture) -> None:
    place = folder / "train" / "class0"
    (place / "deep").mkdir()
    before = list_images(folder / "train", ("class0", "class1")).samples
    (place / "loop").symlink_to(target.format(self="loop"))
    (folder / "train" / "everything").symlink_to(".")
    assert class_names(folder / "train") == ("class0", "class1")
    assert list_images(folder / "train", ("class0", "class1")).samples == before
    ImageFolder().check(folder)
    assert "lead back" in caplog.text
    splits = ImageFolder().splits(folder, seed=0, input_size=(3, 24, 24))
    train, holdout = real(splits.train.samples), real(splits.holdout.samples)  # type: ignore[attr-defined]
    assert not set(train) & set(holdout)
    assert len(train) + len(holdout) == 20


def test_each_real_file_counts_once_per_class_and_links_elsewhere_are_followed_and_said(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place, elsewhere = folder / "train" / "class0", tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(place / "000.png", elsewhere / "kept.png")
    (place / "a-link").symlink_to(elsewhere)
    (place / "b-link").symlink_to(elsewhere)
    (place / "kept.png").symlink_to(elsewhere / "kept.png")
    os.link(place / "001.png", place / "hard.png")
    (elsewhere / "back").symlink_to(place)
    (place / "moving.gif").touch()
    found = list_images(folder / "train", ("class0", "class1"))
    assert len(found.samples) == len(set(real(found.samples))) == 20
    ImageFolder().check(folder)
    assert "lead to folders elsewhere" in caplog.text
    assert "counted once" in caplog.text
    assert f"1 files in {folder / 'train'} are pictures of a format that is not read, and are left out" in caplog.text


def test_a_test_set_among_the_training_images_is_said(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "train" / "class0" / "more").symlink_to(folder / "val" / "class1")
    ImageFolder().check(folder)
    assert "4 images" in caplog.text
    assert "not unseen" in caplog.text


def png(width: int, height: int) -> bytes:
    """A PNG whose header states that size, with next to nothing in it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def relinked(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


SPOILS: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "it is empty"),
    "text": (lambda path: path.write_text("hello"), "no image of a known format"),
    "bomb": (lambda path: path.write_bytes(png(200_000, 200_000)), "decompression bomb"),
    "cut header": (lambda path: path.write_bytes(path.read_bytes()[:20]), "cannot be read"),
    "broken link": (lambda path: relinked(path, "nowhere"), "No such file"),
    "link to itself": (lambda path: relinked(path, path.name), "Too many levels"),
    "pipe": (piped, "not a regular file"),
    "device": (lambda path: relinked(path, "/dev/zero"), "not a regular file"),
}


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("part", ["train", "val"])
def test_what_is_no_image_is_refused_before_anything_is_begun(
    folder: Path, spoil: str, part: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    for number in (1, 3):
        SPOILS[spoil][0](folder / part / "class1" / f"{number:03d}.png")
    line = "search --dataset imagefolder --data-path images --model resnet18 --input-size 32 --base train --no-mlflow"
    assert main(line.split()) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"images/{part}/class1/001.png" in said
    assert SPOILS[spoil][1] in said
    assert "nor can 1 more of 28 files" in said
    assert "Traceback" not in said
    assert not Path("runs").exists()


@pytest.mark.parametrize("readers", [0, 2])
def test_what_the_header_does_not_show_is_told_when_it_is_met(folder: Path, readers: int) -> None:
    spoilt = folder / "val" / "class0" / "002.png"
    spoilt.write_bytes(spoilt.read_bytes()[:1000])
    ImageFolder().check(folder)
    split = ImageFolder().splits(folder, seed=0, input_size=(3, 24, 24)).test
    object.__setattr__(split, "readers", readers)
    with pytest.raises(DataPathError) as caught:
        split.images(torch.arange(len(split)))
    said = str(caught.value)
    assert said.startswith(f"the image {str(spoilt)!r} cannot be read (")
    assert "\n" not in said
    assert "Traceback" not in said


def test_of_a_large_set_headers_are_read_all_over_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [path for path, _ in list_images(folder / "train", ("class0", "class1")).samples]
    for path in paths:
        Path(path).write_text("no image")
    monkeypatch.setattr(decoding, "HEADERS", 5)
    assert [problem.path for problem in decoding.check_headers(paths)] == [paths[n] for n in (0, 5, 10, 14, 19)]
    assert decoding.check_headers([]) == []


def test_a_folder_that_may_not_be_read_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def forbidding(place: str) -> object:
        if str(place).endswith("class1"):
            raise PermissionError(13, "Permission denied")
        return scandir(place)

    monkeypatch.setattr("os.scandir", forbidding)
    with pytest.raises(DataPathError, match="class1' cannot be read: Permission denied"):
        ImageFolder().check(folder)
