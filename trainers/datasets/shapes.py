"""A procedural dataset, hard enough to distinguish pruning strategies: no download, no file.

An image shows one large figure, whose class is shape × texture, over a shaded background. Small distractor figures of
other shapes and textures hide parts of it, and noise is added. Position, size, angle, colours, texture phase and
direction vary freely, so neither colour nor position reveals the class.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from trainers.datasets.base import DataInfo, Dataset, InputSize, Splits, refuse_path
from trainers.datasets.holdout import stratified_holdout
from trainers.datasets.memory import TensorSplit, fitted

DEFAULT_SIZE: InputSize = (3, 32, 32)
SHAPES = ("disc", "square", "triangle", "cross", "ring")
TEXTURES = ("plain", "stripes", "checks", "dots")
TRAIN_IMAGES = 5000
TEST_IMAGES = 2000
HOLDOUT_FRACTION = 0.2
DISTRACTORS = 2
NOISE = 0.05
# The data are fixed: a search's seed changes only the holdout.
_TRAIN_SEED, _TEST_SEED = 20_261, 20_262
_SIDE = 32
# Small enough that a chunk's working set stays in the processor's cache: nearly three times as fast as 1,000.
_CHUNK = 200
_MEAN, _STD = 0.5, 0.27


class Shapes(Dataset):
    """Twenty classes (5 shapes × 4 textures): 4,000 train, 1,000 holdout, 2,000 test images of 32×32 RGB."""

    name: ClassVar[str] = "shapes"

    def info(self, data_path: Path | None = None, *, input_size: InputSize | None = None) -> DataInfo:
        """Twenty classes; 32×32 RGB unless asked otherwise."""
        refuse_path(self.name, data_path)
        return DataInfo(num_classes=len(SHAPES) * len(TEXTURES), input_size=input_size or DEFAULT_SIZE)

    def holdout_share(self, data_path: Path | None = None) -> float:
        """A fifth."""
        return HOLDOUT_FRACTION

    def splits(self, data_path: Path | None = None, *, seed: int, input_size: InputSize | None = None) -> Splits:
        """The images, drawn with fixed seeds and normalised, in memory."""
        info = self.info(data_path, input_size=input_size)
        pool, test = drawn(TRAIN_IMAGES, _TRAIN_SEED), drawn(TEST_IMAGES, _TEST_SEED)
        parts = stratified_holdout(pool.targets.numpy(), fraction=HOLDOUT_FRACTION, seed=seed)
        train = pool.take(torch.from_numpy(parts.train))
        holdout = pool.take(torch.from_numpy(parts.holdout))
        return Splits(
            info=info,
            train=_resized(train, info.input_size),
            holdout=_resized(holdout, info.input_size),
            test=_resized(test, info.input_size),
        )


def _resized(split: TensorSplit, size: InputSize) -> TensorSplit:
    return TensorSplit(fitted(split.pixels, size), split.targets, shift=max(1, size[1] // 16), flip=True)


@lru_cache(maxsize=2)
def drawn(count: int, seed: int) -> TensorSplit:
    """Draw `count` images, equally many per class. They are cached, as a search needs them repeatedly."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.arange(count) % (len(SHAPES) * len(TEXTURES))
    chunks = [draw(part, generator) for part in targets.split(_CHUNK)]
    return TensorSplit((torch.cat(chunks) - _MEAN) / _STD, targets)


def draw(labels: Tensor, generator: torch.Generator) -> Tensor:
    """Draw images [n, 3, 32, 32] with values in 0…1 for labels [n] (shape × number of textures + texture)."""
    count = len(labels)
    image = _background(count, generator)
    main = _Figures(
        shape=labels // len(TEXTURES),
        texture=labels % len(TEXTURES),
        radius=_uniform((count,), 9.0, 13.0, generator),
        centre=_uniform((count, 2), 13.0, 19.0, generator),
    )
    image = _painted(image, main, generator)
    for _ in range(DISTRACTORS):
        small = _Figures(
            shape=torch.randint(len(SHAPES), (count,), generator=generator),
            texture=torch.randint(len(TEXTURES), (count,), generator=generator),
            radius=_uniform((count,), 2.0, 3.5, generator),
            centre=_uniform((count, 2), 0.0, _SIDE, generator),
        )
        image = _painted(image, small, generator)
    return (image + NOISE * torch.randn(image.shape, generator=generator)).clamp(0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Figures:
    """One figure per image: shape and texture indices [n], radius [n] and centre [n, 2] in pixels."""

    shape: Tensor
    texture: Tensor
    radius: Tensor
    centre: Tensor


def _painted(image: Tensor, figures: _Figures, generator: torch.Generator) -> Tensor:
    """Draw one figure over each image."""
    count = len(image)
    u, v = _turned(figures.centre, _uniform((count,), 0.0, 2 * torch.pi, generator))
    radius = figures.radius[:, None, None]
    inside = torch.sigmoid(-2.0 * radius * _distance(u / radius, v / radius, figures.shape))
    s, t = _turned(figures.centre, _uniform((count,), 0.0, 2 * torch.pi, generator))
    weave = _weave(s, t, figures.texture, generator)[:, None]
    first = torch.rand((count, 3, 1, 1), generator=generator)
    # About half a turn around the colour cube: two inks that can always be distinguished.
    second = (first + 0.5 + _uniform((count, 3, 1, 1), -0.15, 0.15, generator)) % 1.0
    ink = first * (1 - weave) + second * weave
    return image + inside[:, None] * (ink - image)


def _distance(u: Tensor, v: Tensor, shape: Tensor) -> Tensor:
    """How far outside (> 0) the unit figure each point lies; u, v are [n, H, W], shape [n]."""
    length = torch.hypot(u, v)
    a, b = u.abs(), v.abs()
    fields = torch.stack(
        (
            length - 1.0,
            torch.maximum(a, b) - 0.85,
            torch.maximum(0.866 * a + 0.5 * v, -v) - 0.6,
            torch.minimum(torch.maximum(a, 3 * b), torch.maximum(3 * a, b)) - 1.0,
            (length - 0.75).abs() - 0.27,
        ),
        dim=1,
    )
    return fields[torch.arange(len(shape)), shape]


def _weave(s: Tensor, t: Tensor, texture: Tensor, generator: torch.Generator) -> Tensor:
    """Which of the two inks (0…1) a texture shows at each point; s, t are [n, H, W] in pixels."""
    count = len(texture)
    waves = _uniform((count, 1, 1), 0.7, 0.9, generator)
    phase = _uniform((2, count, 1, 1), 0.0, 2 * torch.pi, generator)
    across, along = torch.sin(waves * s + phase[0]), torch.sin(waves * t + phase[1])
    patterns = torch.stack((torch.zeros_like(s), 3 * across, 4 * across * along, 3 * (across + along - 0.6)), dim=1)
    chosen = patterns[torch.arange(count), texture]
    return torch.where((texture == 0)[:, None, None], torch.zeros_like(s), torch.sigmoid(2 * chosen))


def _turned(centre: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Pixel coordinates [n, H, W] relative to `centre` [n, 2], rotated by `angle` [n]."""
    steps = torch.arange(_SIDE, dtype=torch.float32)
    y = (steps[:, None] - centre[:, 0, None, None]).expand(-1, _SIDE, _SIDE)
    x = (steps[None, :] - centre[:, 1, None, None]).expand(-1, _SIDE, _SIDE)
    cosine, sine = angle.cos()[:, None, None], angle.sin()[:, None, None]
    return cosine * x + sine * y, cosine * y - sine * x


def _background(count: int, generator: torch.Generator) -> Tensor:
    """Draw a gradient from one random colour to another, in a random direction: [n, 3, 32, 32]."""
    angle = _uniform((count,), 0.0, 2 * torch.pi, generator)
    along, _ = _turned(torch.full((count, 2), _SIDE / 2), angle)
    weight = (along / _SIDE + 0.5).clamp(0, 1)[:, None]
    # Dull colours, so that a figure's bright inks stand out.
    first, second = _uniform((2, count, 3, 1, 1), 0.35, 0.65, generator)
    return first * (1 - weight) + second * weight


def _uniform(size: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(size, generator=generator)
