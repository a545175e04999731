"""A folder of JPEGs as photographs are: about 500×375 pixels and 100 KB each."""

import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = 10


def write_jpegs(folder: Path, count: int, side: int = 500) -> Path:
    """Write `count` training images and a few to test on, by all cores; what is there stays.

    Args:
        folder: receives train/ and val/.
        count: of training images.
        side: the longer side in pixels, give or take a fifth.
    """
    work = [(folder / "train", number) for number in range(count)] + [(folder / "val", n) for n in range(CLASSES)]
    for part in ("train", "val"):
        for label in range(CLASSES):
            (folder / part / f"class{label}").mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(max(1, len(os.sched_getaffinity(0)))) as pool:
        list(pool.map(partial(_write, side=side), work, chunksize=32))
    return folder


def _write(where: tuple[Path, int], side: int) -> None:
    part, number = where
    path = part / f"class{number % CLASSES}" / f"{number:06d}.jpg"
    if path.exists():
        return
    draw = np.random.default_rng([number, part.name == "val"])
    width = int(side * draw.uniform(0.8, 1.2))
    size = (width, int(width * 0.75))
    # Coarse areas with edges and fine grain, about as many bytes as a photograph at this quality.
    coarse = Image.fromarray(draw.integers(0, 256, (24, 32, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    grain = draw.normal(0, 8, (size[1], size[0], 1)).astype(np.float32)
    pixels = np.clip(np.asarray(coarse, dtype=np.float32) + grain, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=85)
