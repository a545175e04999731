"""The standard files of CIFAR with few images, pickled as the published ones are."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np


def write_cifar10(root: Path, *, train: int = 8, test: int = 4, seed: int = 0) -> Path:
    """`cifar-10-batches-py/`: five batches of `train` images of each class, and `test` of each for the test."""
    place = root / "cifar-10-batches-py"
    draw = np.random.default_rng(seed)
    dump(place / "batches.meta", {b"label_names": [f"class{i}".encode() for i in range(10)], b"num_vis": 3072})
    for name, each in [*((f"data_batch_{number}", train) for number in range(1, 6)), ("test_batch", test)]:
        labels = [label for label in range(10) for _ in range(each)]
        dump(place / name, {b"batch_label": name.encode(), b"labels": labels, b"data": images(len(labels), draw)})
    return root


def write_cifar100(root: Path, *, train: int = 6, test: int = 2, seed: int = 0) -> Path:
    """`cifar-100-python/`: `train` and `test` images of each of the hundred classes."""
    place = root / "cifar-100-python"
    draw = np.random.default_rng(seed)
    names = {b"fine_label_names": [f"class{i}".encode() for i in range(100)], b"coarse_label_names": [b"all"]}
    dump(place / "meta", names)
    for name, each in (("train", train), ("test", test)):
        labels = [label for label in range(100) for _ in range(each)]
        coarse = [0] * len(labels)
        dump(place / name, {b"fine_labels": labels, b"coarse_labels": coarse, b"data": images(len(labels), draw)})
    return root


def images(count: int, draw: np.random.Generator) -> np.ndarray[Any, Any]:
    return draw.integers(0, 256, (count, 3072), dtype=np.uint8)


def dump(path: Path, content: object) -> None:
    """Pickle as Python 2 did."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=2))
