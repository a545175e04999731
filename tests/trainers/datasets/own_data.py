"""Datasets of a user's, as factories: good ones of each kind of item, and one for each way to be wrong."""

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

CLASSES = 3


class Listed(Dataset[tuple[Any, Any]]):
    """Items that `make` makes of the index: the label is index % 3 unless it says otherwise."""

    def __init__(self, count: int, make: Callable[[int], Any], first: int = 0, **attributes: Any) -> None:
        self.count, self.make, self.first = count, make, first
        self.__dict__.update(attributes)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        found = self.make(self.first + index)
        return found if isinstance(found, tuple | list) else (found, index % CLASSES)


def pixels(index: int, side: int = 12) -> Tensor:
    return torch.randint(0, 256, (3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(index))


def picture(index: int) -> Image.Image:
    return Image.fromarray(pixels(index).permute(1, 2, 0).numpy())


def numbers(index: int) -> Tensor:
    return pixels(index).float() / 255 - 0.5


def moved(index: int) -> Tensor:
    """With a transform of the user's own, which draws from all three generators."""
    draw = torch.rand(1).item() + np.random.rand() + random.random()
    return numbers(index) + draw


def of_bytes() -> Any:
    return Listed(60, pixels, classes=["a", "b", "c"]), Listed(15, pixels, 900)


def of_pictures() -> Any:
    return Listed(60, picture), Listed(15, picture, 900)


def of_numbers(data_path: Path | None = None) -> Any:
    return Listed(60, numbers), Listed(15, numbers, 900)


def of_grey_numbers() -> Any:
    return Listed(60, lambda i: numbers(i)[:1]), Listed(15, lambda i: numbers(900 + i)[:1])


def of_grey_pictures() -> Any:
    """Of 16 bits, as microscopes and X-rays make them."""
    made = [Image.fromarray(pixels(index)[0].numpy().astype(np.uint16) * 256) for index in range(60)]
    return Listed(60, made.__getitem__), Listed(15, made.__getitem__)


def with_odd_attributes() -> Any:
    """Classes as NumPy tells them, targets by name, and a tensor that somebody took from a model."""
    names = np.array(["cat", "dog", "eel"])
    named = {"targets": names.tolist() * 20, "classes": names, "num_classes": np.int64(3)}
    train = Listed(60, lambda i: numbers(i).requires_grad_(), **named)
    return train, Listed(15, numbers, targets={i: i % CLASSES for i in range(15)})


def four_channels() -> Any:
    return Listed(60, lambda i: pixels(i)[[0, 1, 2, 0]]), Listed(15, lambda i: pixels(i)[[0, 1, 2, 0]])


def of_moved() -> Any:
    return Listed(60, moved), Listed(15, numbers, 900)


def with_a_holdout() -> Any:
    return Listed(60, numbers), Listed(9, numbers, 500), Listed(15, numbers, 900)


def resized(input_size: int | None = None) -> Any:
    side = input_size or 12
    return Listed(60, lambda i: pixels(i, side) / 255), Listed(15, lambda i: pixels(i, side) / 255)


def photos() -> Any:
    """Pictures of many sizes, one of them grey."""
    made = [Image.new("RGB", (300 + i, 280), (i, 2 * i, 0)) for i in range(60)]
    made[5] = made[5].convert("L")
    return Listed(60, made.__getitem__), Listed(15, made.__getitem__)


def with_targets() -> Any:
    """The label of each item is known without reading it."""
    asked: list[int] = []

    def make(index: int) -> Tensor:
        asked.append(index)
        return pixels(index)

    return (
        Listed(300, make, targets=[i % CLASSES for i in range(300)], asked=asked),
        Listed(15, pixels, targets=torch.arange(15) % CLASSES),
    )


def with_false_targets() -> Any:
    return Listed(60, pixels, targets=[0, 1, 2] * 19 + [0, 1, 1]), Listed(15, pixels)


class WithALock(Listed):
    """Cannot be pickled, and notes where it is read."""

    def __init__(self) -> None:
        super().__init__(60, numbers)
        self.lock = threading.Lock()


def with_a_lock() -> Any:
    return WithALock(), Listed(15, numbers, 900)


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter([])


def _bad(train: Any) -> Callable[[], Any]:
    return lambda: (train, Listed(15, pixels))


def _raise(index: int) -> Any:
    raise OSError("no such scan")


one_part = lambda: (Listed(60, pixels),)  # noqa: E731  factories as lambdas are factories, too
a_number = lambda: 3  # noqa: E731
failing: Callable[[], Any] = [].pop
empty = _bad(Listed(0, pixels))
endless = _bad(Endless())
no_items = _bad({1, 2})
unreadable = _bad(Listed(60, _raise))
no_pairs = _bad(Listed(60, lambda i: (pixels(i), 0, 1)))
arrays = _bad(Listed(60, lambda i: (pixels(i).numpy(), i % 3)))
flat = _bad(Listed(60, lambda i: (torch.zeros(5), i % 3)))
integers = _bad(Listed(60, lambda i: (pixels(i).int(), i % 3)))
text_labels = _bad(Listed(60, lambda i: (pixels(i), "cat")))
true_labels = _bad(Listed(60, lambda i: (pixels(i), i % 2 == 0)))
outside = _bad(Listed(60, lambda i: (pixels(i), i % 4), classes=["a", "b", "c"]))
negative = _bad(Listed(60, lambda i: (pixels(i), i % 3 - 1)))
absent = _bad(Listed(60, lambda i: (pixels(i), i % 2), num_classes=3))
contradiction = _bad(Listed(60, pixels, classes=["a", "b", "c"], num_classes=4))
one_class = _bad(Listed(60, pixels, num_classes=1))
lonely = _bad(Listed(3, pixels))
varying = _bad(Listed(60, lambda i: (numbers(i) if i % 7 else torch.zeros(3, 9, 9), i % 3)))
mixed_kinds = _bad(Listed(60, lambda i: (numbers(i) if i < 50 else pixels(i), i % 3)))
mixed_channels = _bad(Listed(60, lambda i: (pixels(i) if i < 50 else pixels(i)[:1], i % 3)))
not_finite = _bad(Listed(60, lambda i: (numbers(i) / (i != 30), i % 3)))
without_white = _bad(Listed(60, lambda i: Image.fromarray(pixels(i)[0].numpy().astype(np.int32))))
no_pixels = _bad(Listed(60, lambda i: pixels(i)[:, :0]))
true_number = _bad(Listed(60, pixels, num_classes=True))
odd_size = _bad(Listed(60, pixels, input_size="large"))


def unseeded() -> Any:
    own = np.random.default_rng()
    return Listed(60, lambda i: (numbers(i) + float(own.random()), i % 3)), Listed(15, numbers)
