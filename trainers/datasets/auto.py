"""timm's automatic augmentations (RandAugment, AutoAugment, AugMix), drawn from a seed of their own."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image
from timm.data.auto_augment import augment_and_mix_transform, auto_augment_transform, rand_augment_transform

_MAKERS = {"rand": rand_augment_transform, "augmix": augment_and_mix_transform}
_MOVED = 0.45
"""Largest move, as a share of the side: timm's own choice."""


def auto_transform(described: str, *, side: int, fill: tuple[int, ...]) -> Callable[[Image.Image], Image.Image]:
    """The augmentation that a description of timm's names.

    Args:
        described: such as `rand-m9-mstd0.5-inc1`.
        side: the shorter side of the images, in pixels.
        fill: the colour of what is moved in from outside, each channel in 0…255.

    Raises:
        Exception: of timm, for a description that it does not know.
    """
    make = _MAKERS.get(described.split("-")[0], auto_augment_transform)
    transform: Callable[[Image.Image], Image.Image] = make(
        described, {"translate_const": int(side * _MOVED), "img_mean": fill}
    )
    return transform


@contextmanager
def drawn_from(seed: int) -> Iterator[None]:
    """Let timm draw from this seed: it uses the generators of `random` and NumPy, which are then as they were."""
    ours, theirs = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(ours)
        np.random.set_state(theirs)
