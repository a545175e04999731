"""A folder of images as people have them: many classes, few images, awkward names and formats."""

from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 24
TRUNCATED = "truncated.jpg"


def make_tree(root: Path, *, classes: int = 1000, each: int = 3) -> Path:
    """`train/` and `val/` with `each` tiny JPEGs of each class, and in some classes files that are awkward.

    The classes are hardly to be told apart: nothing here is about accuracy.
    """
    draw = np.random.default_rng(0)
    names = [f"n{label:08d}" for label in range(classes - 2)] + ["Köhlerei – Wald", "two words"]
    for part in ("train", "val"):
        for label, name in enumerate(names):
            place = root / part / name
            place.mkdir(parents=True)
            for number in range(each):
                _image(label, draw).save(place / f"{part}_{number}.jpg", quality=80)
        _add_awkward_files(root / part / names[0], root / part / names[-2], draw)
    broken = root / "train" / names[1] / TRUNCATED
    _image(1, draw).save(broken)
    broken.write_bytes(broken.read_bytes()[:-200])
    return root


def _add_awkward_files(first: Path, second: Path, draw: np.random.Generator) -> None:
    _image(0, draw).save(first / "with a space.jpg")
    _image(0, draw).save(first / "ünï©ode 数.jpeg")
    _image(0, draw).convert("CMYK").save(first / "cmyk.jpg")
    _image(0, draw).convert("L").save(first / "grey.jpg")
    _image(0, draw).save(first / "UPPER.JPG")
    _image(0, draw).convert("P").save(first / "palette.png")
    _image(0, draw).convert("RGBA").save(second / "transparent.png")
    deep = draw.integers(0, 2**16, (SIDE, SIDE), dtype=np.uint16)
    Image.fromarray(deep).save(second / "sixteen bits.png")
    (first / ".hidden.txt").write_text("no image")
    (first / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (first / "Thumbs.db").write_bytes(b"no image")
    (first / "notes.txt").write_text("no image")


def _image(label: int, draw: np.random.Generator) -> Image.Image:
    pixels = draw.integers(0, 256, (SIDE, SIDE + label % 5, 3), dtype=np.uint8)
    pixels[label % SIDE] = 255
    return Image.fromarray(pixels)
