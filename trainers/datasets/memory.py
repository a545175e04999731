"""A split whose images all fit in memory: batches are taken by index, without worker processes."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from trainers.datasets.base import Batch, InputSize, Split


@dataclass(frozen=True, slots=True, eq=False)
class TensorSplit(Split):
    """Images held as one tensor.

    Attributes:
        pixels: [N, C, H, W] float32, normalised.
        targets: [N] int64 on the CPU.
        shift: augmentation moves an image by up to this many pixels in each direction; edge pixels are repeated.
        flip: whether augmentation mirrors half of the images, left to right.
    """

    pixels: Tensor
    targets: Tensor
    shift: int = 0
    flip: bool = False

    @property
    def labels(self) -> Tensor:
        """The targets."""
        return self.targets

    def images(self, indices: Tensor) -> Tensor:
        """Copies on the CPU, wherever the pixels are."""
        return self.pixels[indices.to(self.pixels.device)].cpu().float()

    def batches(
        self, index_batches: Sequence[Tensor], *, device: torch.device, augment: bool, seed: int
    ) -> Iterator[Batch]:
        """Yield batches; with `augment`, shifted and mirrored ones, drawn batch after batch from one generator."""
        generator = torch.Generator().manual_seed(seed)
        for indices in index_batches:
            images = self.pixels[indices.to(self.pixels.device)].to(device, torch.float32)
            if augment:
                images = self._augmented(images, generator)
            yield images, self.targets[indices].to(device)

    def _augmented(self, images: Tensor, generator: torch.Generator) -> Tensor:
        if self.shift:
            images = shifted(images, self.shift, generator)
        if self.flip:
            mirror = torch.rand(len(images), generator=generator) < 0.5
            images = torch.where(mirror.to(images.device)[:, None, None, None], images.flip(3), images)
        return images

    def fingerprint(self) -> str:
        """Hash every pixel and label, and the augmentation."""
        digest = hashlib.sha256(repr((tuple(self.pixels.shape), self.shift, self.flip)).encode())
        digest.update(self.pixels.cpu().contiguous().numpy().tobytes())
        digest.update(self.targets.numpy().tobytes())
        return digest.hexdigest()

    def to(self, device: torch.device) -> "TensorSplit":
        """This split with its pixels on `device`; the targets stay on the CPU."""
        return replace(self, pixels=self.pixels.to(device))

    def take(self, indices: Tensor) -> "TensorSplit":
        """The images at these indices, with the same augmentation."""
        return replace(self, pixels=self.pixels[indices], targets=self.targets[indices])


def shifted(images: Tensor, limit: int, generator: torch.Generator) -> Tensor:
    """Move each image [n, C, H, W] by its own offset in −limit…limit rows and columns; edge pixels are repeated."""
    count, _, height, width = images.shape
    rows, columns = torch.randint(0, 2 * limit + 1, (2, count), generator=generator).to(images.device)
    padded = F.pad(images, (limit, limit, limit, limit), mode="replicate")
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view: [n, C, row, column, H, W]
    return row_major(windows[torch.arange(count, device=images.device), :, rows, columns])


def fitted(images: Tensor, size: InputSize) -> Tensor:
    """Resize images [n, C, H, W] (bilinear) to `size`; another number of channels is made of their mean."""
    channels, height, width = size
    if images.shape[1] != channels:
        images = images.mean(dim=1, keepdim=True).expand(-1, channels, -1, -1)
    if images.shape[2:] != (height, width):
        images = F.interpolate(images, size=(height, width), mode="bilinear", align_corners=False)
    return row_major(images)


def row_major(images: Tensor) -> Tensor:
    """Copy images [n, C, H, W] into a tensor with exactly the strides of a new one.

    With one channel, `contiguous()` leaves strides that are also those of channels-last, and convolutions then compute
    in that format. On CPUs this must not happen: there oneDNN's weight gradient of strided 1×1 convolutions writes past
    its workspace if there are few input channels, as in a pruned model
    (https://github.com/uxlfoundation/oneDNN/issues/6035).
    """
    return torch.empty(images.shape, dtype=images.dtype, device=images.device).copy_(images)
