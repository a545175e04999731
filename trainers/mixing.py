"""Mixup and CutMix: each image of a batch mixed with another one, where the model computes.

What is drawn follows from (seed, epoch, step), so all workers mix alike. An image's partner is half a worker's share of
the batch away, which is the same image for any number of workers as long as each has an even share.
"""

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from trainers.schedule import mixed


@dataclass(frozen=True, slots=True)
class Mixing:
    """How batches are mixed.

    Attributes:
        mixup: α of Beta(α, α), from which the weight of two images is drawn (Zhang et al., 2018); 0 does not mix.
        cutmix: likewise of the area that comes from the other image (Yun et al., 2019); 0 cuts nothing out.
        probability: that a batch is mixed at all.
        switch: probability of CutMix where both may be.
    """

    mixup: float = 0.0
    cutmix: float = 0.0
    probability: float = 1.0
    switch: float = 0.5

    def __bool__(self) -> bool:
        """Whether any batch is mixed."""
        return self.probability > 0 and (self.mixup > 0 or self.cutmix > 0)


@dataclass(frozen=True, slots=True, eq=False)
class Mixed:
    """A batch after mixing; its loss is weight · loss(labels) + (1 − weight) · loss(others).

    With label smoothing this is the cross-entropy with timm's mixed, smoothed targets.

    Attributes:
        images: [n, C, H, W].
        labels: [n] of the images themselves.
        others: [n] of their partners.
        weight: the share of each image that is its own.
    """

    images: Tensor
    labels: Tensor
    others: Tensor
    weight: float


def mix(images: Tensor, labels: Tensor, mixing: Mixing, *, seed: int, epoch: int, step: int) -> Mixed:
    """Mix a worker's share of a batch; the images given stay as they are.

    It is done before a share is cut into smaller batches, whose partners would be others.

    Args:
        images: [n, C, H, W] normalised, on any device.
        labels: [n].
        mixing: how.
        seed: of the training.
        epoch: counted from 0.
        step: of the epoch, counted from 0.
    """
    draw = np.random.default_rng(mixed(seed, epoch, step, 1))
    if len(images) < 2 or draw.random() >= mixing.probability or not mixing:
        return Mixed(images, labels, labels, 1.0)
    half = len(images) // 2
    partners, others = images.roll(half, 0), labels.roll(half, 0)
    if mixing.cutmix > 0 and (mixing.mixup == 0 or draw.random() < mixing.switch):
        height, width = images.shape[-2:]
        top, bottom, left, right = _box(height, width, float(draw.beta(mixing.cutmix, mixing.cutmix)), draw)
        mixed_images = images.clone()
        mixed_images[..., top:bottom, left:right] = partners[..., top:bottom, left:right]
        weight = 1 - (bottom - top) * (right - left) / (height * width)
        return Mixed(mixed_images, labels, others, weight)
    weight = float(draw.beta(mixing.mixup, mixing.mixup))
    return Mixed(images * weight + partners * (1 - weight), labels, others, weight)


def _box(height: int, width: int, weight: float, draw: np.random.Generator) -> tuple[int, int, int, int]:
    """A box of about 1 − weight of the area, around a point drawn uniformly: top, bottom, left, right, clipped."""
    side = math.sqrt(1 - weight)
    tall, wide = int(height * side), int(width * side)
    row, column = int(draw.integers(height)), int(draw.integers(width))
    top, left = row - tall // 2, column - wide // 2
    return max(0, top), min(height, top + tall), max(0, left), min(width, left + wide)
