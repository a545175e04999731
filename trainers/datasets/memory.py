"""A split whose images all fit in memory: batches are cut by index, with no worker processes."""

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
        shift: augmentation moves an image by up to this many pixels each way (edges are repeated).
        flip: augmentation mirrors left and right for half of the images.
    """

    pixels: Tensor
    targets: Tensor
    shift: int = 0
    flip: bool = False

    @property
    def labels(self) -> Tensor:
        return self.targets

    def images(self, indices: Tensor) -> Tensor:
        return self.pixels[indices.to(self.pixels.device)].cpu().float()

    def batches(
        self, index_batches: Sequence[Tensor], *, device: torch.device, augment: bool, seed: int
    ) -> Iterator[Batch]:
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
        digest = hashlib.sha256(repr((tuple(self.pixels.shape), self.shift, self.flip)).encode())
        digest.update(self.pixels.cpu().contiguous().numpy().tobytes())
        digest.update(self.targets.numpy().tobytes())
        return digest.hexdigest()

    def to(self, device: torch.device) -> "TensorSplit":
        return replace(self, pixels=self.pixels.to(device))

    def take(self, indices: Tensor) -> "TensorSplit":
        """The images at these indices, with the same augmentation."""
        return replace(self, pixels=self.pixels[indices], targets=self.targets[indices])


def shifted(images: Tensor, limit: int, generator: torch.Generator) -> Tensor:
    """Each image [n, C, H, W] moved by its own offset in −limit…limit, rows and columns; edges repeat."""
    count, _, height, width = images.shape
    rows, columns = torch.randint(0, 2 * limit + 1, (2, count), generator=generator).to(images.device)
    padded = F.pad(images, (limit, limit, limit, limit), mode="replicate")
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view: [n, C, row, column, H, W]
    return row_major(windows[torch.arange(count, device=images.device), :, rows, columns])


def fitted(images: Tensor, size: InputSize) -> Tensor:
    """Images [n, C, H, W] resized (bilinear) to `size`; one channel is repeated, several are averaged to one."""
    channels, height, width = size
    if images.shape[1] != channels:
        images = images.mean(dim=1, keepdim=True).expand(-1, channels, -1, -1)
    if images.shape[2:] != (height, width):
        images = F.interpolate(images, size=(height, width), mode="bilinear", align_corners=False)
    return row_major(images)


def row_major(images: Tensor) -> Tensor:
    """The images [n, C, H, W] with exactly the strides of a new tensor.

    With one channel, `contiguous()` leaves strides that also read as channels-last, and convolutions
    then compute that way. On CPUs that must not happen: oneDNN's weight gradient of strided 1×1
    convolutions writes past its workspace there when input channels are few, as they are in a pruned
    model (https://github.com/uxlfoundation/oneDNN/issues/6035).
    """
    return torch.empty(images.shape, dtype=images.dtype, device=images.device).copy_(images)
