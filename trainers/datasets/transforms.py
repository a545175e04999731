"""From a picture to the bytes that a model sees: one way to score, and random ways to train."""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from timm.data.transforms_factory import transforms_imagenet_eval
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor, to_pil_image

from pruning.preprocessing import Interpolation, Preprocessing
from trainers.datasets.augmentation import Augmentation
from trainers.datasets.auto import auto_transform, drawn_from
from trainers.datasets.base import InputSize
from trainers.datasets.normalising import Normalisation

Picture = Image.Image | Tensor
"""A picture of any size, uint8 [C, H, W] if it is a tensor. A tensor of floats is taken as it is, in every way."""

_ATTEMPTS = 10
_ERASED_AREA, _ERASED_ASPECT = (0.02, 1 / 3), (0.3, 1 / 0.3)
"""Share of the image and height ÷ width of what is erased, as in timm."""


class ScoringTransform:
    """The picture as it is scored: what timm's `create_transform` does up to the bytes."""

    def __init__(self, size: InputSize, preprocessing: Preprocessing) -> None:
        self._transform: Callable[[Any], Tensor] = transforms_imagenet_eval(
            size[1:],
            crop_pct=preprocessing.crop,
            crop_mode=preprocessing.crop_mode.value,
            interpolation=preprocessing.interpolation.value,
            mean=preprocessing.mean,
            std=preprocessing.std,
            normalize=False,
        )

    def __call__(self, picture: Picture) -> Tensor:
        """The bytes [C, H, W] of a picture."""
        if isinstance(picture, Tensor) and picture.is_floating_point():
            return picture
        return self._transform(to_pil_image(picture) if isinstance(picture, Tensor) else picture)


class TrainingTransform:
    """The picture as it is trained on: a random part, resized, perhaps mirrored, augmented and partly erased."""

    def __init__(self, size: InputSize, preprocessing: Preprocessing, augmentation: Augmentation) -> None:
        self._size, self._of = size[1:], augmentation
        # What resizes bytes at once, with antialiasing; the others are for scoring.
        bicubic = preprocessing.interpolation in (Interpolation.BICUBIC, Interpolation.LANCZOS)
        self._mode = "bicubic" if bicubic else "bilinear"
        channels = size[0]
        self._mean, self._std = (
            np.broadcast_to(np.array(values) * 255, channels)[:, None, None].astype(np.float32)
            for values in (preprocessing.mean, preprocessing.std)
        )
        fill = tuple(round(float(value)) for value in self._mean.ravel())
        self._auto = augmentation.auto and auto_transform(augmentation.auto, side=min(self._size), fill=fill)

    def __call__(self, picture: Picture, seed: int) -> Tensor:
        """The bytes [C, H, W] of a picture; what is random follows from the seed."""
        if isinstance(picture, Tensor) and picture.is_floating_point():
            return picture
        pixels = picture if isinstance(picture, Tensor) else pil_to_tensor(picture)
        draw = random.Random(seed)  # noqa: S311  no secret
        pixels = self._part(pixels, draw)
        if draw.random() < self._of.flip:
            pixels = pixels.flip(2)
        if self._auto:
            with drawn_from(draw.getrandbits(32)):
                pixels = pil_to_tensor(self._auto(to_pil_image(pixels)))
        if draw.random() < self._of.erasing:
            pixels = self._erased(pixels.contiguous(), draw)
        return pixels

    def _part(self, pixels: Tensor, draw: random.Random) -> Tensor:
        _, height, width = pixels.shape
        top, left, height, width = drawn_part((height, width), self._of.scale, self._of.ratio, draw)
        part = pixels[None, :, top : top + height, left : left + width]
        return F.interpolate(part, size=self._size, mode=self._mode, antialias=True, align_corners=False)[0]

    def _erased(self, pixels: Tensor, draw: random.Random) -> Tensor:
        channels, height, width = pixels.shape
        for _ in range(_ATTEMPTS):
            rows, columns = _sides(draw.uniform(*_ERASED_AREA) * height * width, 1 / _log_uniform(_ERASED_ASPECT, draw))
            if rows < height and columns < width:
                top, left = draw.randint(0, height - rows), draw.randint(0, width - columns)
                noise = np.random.default_rng(draw.getrandbits(64)).standard_normal(
                    (channels, rows, columns), np.float32
                )
                filled = (noise * self._std + self._mean).round().clip(0, 255).astype(np.uint8)
                pixels[:, top : top + rows, left : left + columns] = torch.from_numpy(filled)
                break
        return pixels


def normalisation_of(preprocessing: Preprocessing) -> Normalisation:
    """What becomes of the bytes where the model computes."""
    return Normalisation(preprocessing.mean, preprocessing.std)


def drawn_part(
    of: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
    draw: random.Random,
) -> tuple[int, int, int, int]:
    """Draw a part of an image of this height and width: top, left, height and width.

    It is that of Inception (Szegedy et al., 2015): its area is uniform, and so is the logarithm of its ratio. Where no
    part of ten fits, it is the largest in the middle whose ratio is allowed.
    """
    height, width = of
    for _ in range(_ATTEMPTS):
        rows, columns = _sides(draw.uniform(*scale) * height * width, _log_uniform(ratio, draw))
        if 0 < rows <= height and 0 < columns <= width:
            return draw.randint(0, height - rows), draw.randint(0, width - columns), rows, columns
    rows, columns = height, width
    if width / height < ratio[0]:
        rows = min(height, round(width / ratio[0]))
    elif width / height > ratio[1]:
        columns = min(width, round(height * ratio[1]))
    return (height - rows) // 2, (width - columns) // 2, rows, columns


def _sides(area: float, ratio: float) -> tuple[int, int]:
    """Height and width, rounded, of an area with this width ÷ height."""
    return round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))


def _log_uniform(between: tuple[float, float], draw: random.Random) -> float:
    return math.exp(draw.uniform(math.log(between[0]), math.log(between[1])))
