"""Pixels as bytes, and as the numbers that a model takes."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Normalisation:
    """What is subtracted from each channel of pixels in 0…1, and what they are then divided by.

    Attributes:
        mean: one value for each channel, or one for all.
        std: likewise.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def of(self, images: Tensor) -> Tensor:
        """Images [n, C, H, W] uint8 as float32, on their device; others are taken as they are, but for float16.

        The operations and their order are those of torchvision's `ToTensor` and `Normalize`, to the bit.
        """
        return self.in_place(images.float()) if images.dtype == torch.uint8 else images.float()

    def in_place(self, images: Tensor) -> Tensor:
        """Images [n, C, H, W] float32 whose values are those of bytes, normalised where they are."""
        mean, std = (
            torch.tensor(values, dtype=torch.float32, device=images.device)[:, None, None]
            for values in (self.mean, self.std)
        )
        return images.div_(255).sub_(mean).div_(std)


UNCHANGED = Normalisation((0.0,), (1.0,))
"""Bytes become numbers in 0…1."""


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """Images in memory.

    Attributes:
        images: [N, C, H, W]; uint8, or float32 that is normalised.
        labels: [N] int64.
        normalisation: of uint8 images.
    """

    images: Tensor
    labels: Tensor
    normalisation: Normalisation = UNCHANGED
