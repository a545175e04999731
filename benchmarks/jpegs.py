"""JPEG files such as photographs: smooth shapes with edges, fine grain and natural sizes, made from a seed."""

from pathlib import Path

import numpy as np
from PIL import Image

QUALITY = 90
_CLASSES = 4


def write_jpegs(folder: Path, count: int, *, size: tuple[int, int] = (500, 375), seed: int = 0) -> Path:
    """Write `count` files, `<folder>/<class>/<number>.jpg`, of this width and height.

    Args:
        folder: for the classes; it is made if it is not there.
        count: of files.
        size: width and height in pixels.
        seed: of the pictures.
    """
    draw = np.random.default_rng(seed)
    for number in range(count):
        place = folder / f"class{number % _CLASSES}"
        place.mkdir(parents=True, exist_ok=True)
        _picture(size, draw).save(place / f"{number:05d}.jpg", quality=QUALITY)
    return folder


def _picture(size: tuple[int, int], draw: np.random.Generator) -> Image.Image:
    """A few scales of colour noise, with hard edges and grain: about 80 KiB at 500×375."""
    width, height = size
    total = np.zeros((height, width, 3))
    for cell in (125, 40, 12):
        coarse = draw.integers(0, 256, (height // cell + 2, width // cell + 2, 3), dtype=np.uint8)
        total += np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC), dtype=np.float64)
    total = total / 3 + 30 * (total.mean(axis=2, keepdims=True) > 390) + draw.normal(0, 8, (height, width, 1))
    return Image.fromarray(total.clip(0, 255).astype(np.uint8))
