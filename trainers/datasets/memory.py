"""A split whose images all fit in memory: batches are taken by index, without worker processes."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from trainers.datasets.augmentation import STANDARD, Augmentation
from trainers.datasets.base import Batch, InputSize, Split
from trainers.datasets.normalising import UNCHANGED, Normalisation, Pixels
from trainers.errors import RecipeError
from trainers.place import Place


@dataclass(frozen=True, slots=True, eq=False)
class TensorSplit(Split):
    """Images held as one tensor.

    Attributes:
        pixels: [N, C, H, W]; float32, normalised, or uint8.
        targets: [N] int64 on the CPU.
        shift: augmentation moves an image by up to this many pixels in each direction; edge pixels are repeated.
        flip: whether augmentation mirrors half of the images, left to right.
        normalisation: of uint8 pixels, wherever they are needed.
    """

    pixels: Tensor
    targets: Tensor
    shift: int = 0
    flip: bool = False
    normalisation: Normalisation = UNCHANGED

    @property
    def labels(self) -> Tensor:
        """The targets."""
        return self.targets

    def images(self, indices: Tensor) -> Tensor:
        """Copies on the CPU, wherever the pixels are."""
        return self.normalisation.of(self.pixels[indices.to(self.pixels.device)].cpu())

    def pixels_at(self, indices: Tensor, *, lenient: bool = False) -> Pixels:
        """Copies on the CPU, as they are held."""
        pixels = self.pixels[indices.to(self.pixels.device)].cpu()
        return Pixels(pixels, self.targets[indices], self.normalisation)

    def batches(
        self,
        index_batches: Sequence[Tensor],
        *,
        place: Place,
        augment: bool | Augmentation,
        seed: int,
        first: int = 0,
        lenient: bool = False,
    ) -> Iterator[Batch]:
        """Yield batches; with `augment`, shifted and mirrored ones, drawn batch after batch from one generator.

        The moves of whole batches are drawn by every worker, also of those before `first`: they cost next to nothing.
        """
        _check(augment)
        generator = torch.Generator().manual_seed(seed)
        for number, whole in enumerate(index_batches):
            moves = self._drawn(len(whole), generator) if augment else None
            if number < first:
                continue
            indices = place.share(whole) % len(self)
            images = self.normalisation.of(self.pixels[indices.to(self.pixels.device)].to(place.device))
            if moves is not None:
                images = self._augmented(images, moves.share(place))
            yield images, self.targets[indices].to(place.device)

    def _drawn(self, count: int, generator: torch.Generator) -> "_Moves":
        offsets = drawn_offsets(count, self.shift, generator) if self.shift else None
        return _Moves(offsets, torch.rand(count, generator=generator) < 0.5 if self.flip else None)

    def _augmented(self, images: Tensor, moves: "_Moves") -> Tensor:
        if moves.offsets is not None:
            images = shifted(images, self.shift, moves.offsets)
        if moves.mirrored is not None:
            images = torch.where(moves.mirrored.to(images.device)[:, None, None, None], images.flip(3), images)
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

    def joined(self, other: Split) -> "TensorSplit":
        """Both splits' images."""
        assert isinstance(other, TensorSplit), "parts of one data set are of one kind"
        return replace(
            self, pixels=torch.cat([self.pixels, other.pixels]), targets=torch.cat([self.targets, other.targets])
        )

    def take(self, indices: Tensor) -> "TensorSplit":
        """The images at these indices, with the same augmentation."""
        return replace(self, pixels=self.pixels[indices], targets=self.targets[indices])


def _check(augment: bool | Augmentation) -> None:
    """Images in memory are moved and mirrored; what else an augmentation says is done to pictures that are read."""
    if not isinstance(augment, Augmentation) or augment == STANDARD:
        return
    raise RecipeError(
        f"the images of this dataset are in memory, and are moved and mirrored; the augmentation {augment} is for "
        "pictures that are read: leave it out"
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Moves:
    """What is done to each image of a batch.

    Attributes:
        offsets: [2, n] rows and columns, from 0 to twice the limit; None moves nothing.
        mirrored: [n] whether it is mirrored; None mirrors nothing.
    """

    offsets: Tensor | None
    mirrored: Tensor | None

    def share(self, place: Place) -> "_Moves":
        """Those of the images that this worker takes."""
        offsets = None if self.offsets is None else torch.stack([place.share(one) for one in self.offsets])
        return _Moves(offsets, None if self.mirrored is None else place.share(self.mirrored))


def drawn_offsets(count: int, limit: int, generator: torch.Generator) -> Tensor:
    """Draw how far each of `count` images is moved: [2, count] rows and columns, from 0 to twice the limit."""
    return torch.randint(0, 2 * limit + 1, (2, count), generator=generator)


def shifted(images: Tensor, limit: int, offsets: Tensor) -> Tensor:
    """Move each image [n, C, H, W] by its own offset (less the limit) in rows and columns; edge pixels are repeated."""
    count, _, height, width = images.shape
    rows, columns = offsets.to(images.device)
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
