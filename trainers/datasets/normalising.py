"""Pixels as bytes, and as the numbers that a model takes."""

from dataclasses import dataclass
from functools import lru_cache

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
        """Images [n, C, H, W] uint8 as float32, on their device; others are taken as they are, but for float16."""
        if images.dtype != torch.uint8:
            return images.float()
        return self.into(torch.empty_like(images, dtype=torch.float32), images)

    def into(self, room: Tensor, images: Tensor) -> Tensor:
        """Write images [n, C, H, W] into a float32 tensor of that shape on any device, uint8 ones normalised.

        The operations and their order are those of torchvision's `ToTensor` and `Normalize`, to the bit.
        """
        if images.dtype != torch.uint8:
            return room.copy_(images, non_blocking=True)
        mean, std = _column(self.mean, room.device), _column(self.std, room.device)
        return room.copy_(images, non_blocking=True).div_(255).sub_(mean).div_(std)


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


@lru_cache(maxsize=64)
def _column(values: tuple[float, ...], device: torch.device) -> Tensor:
    """One value for each channel; made once, because a copy to a GPU waits for it."""
    return torch.tensor(values, dtype=torch.float32, device=device)[:, None, None]
