"""Which images a step takes, and its learning rate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainers.choices import Schedule
from trainers.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Rates:
    """The learning rates of a whole training.

    Attributes:
        peak: the highest, after the warm-up.
        warmup: steps of the rise.
        decay_from: the step from which it falls; None takes the end of the warm-up.
        steps: of the whole training; the decay would reach its end at this one.
        shape: of the decay.
        start: of the first step; None begins with one step's part of the rise.
        final: that the decay ends at.
    """

    peak: float
    warmup: int
    steps: int
    decay_from: int | None = None
    shape: Schedule = Schedule.COSINE
    start: float | None = None
    final: float = 0.0

    @classmethod
    def of(cls, recipe: Recipe, steps_per_epoch: int) -> "Rates":
        """Those of a recipe whose epochs have so many steps."""
        start = recipe.decay_from
        return cls(
            peak=recipe.lr,
            warmup=round(steps_per_epoch * recipe.warmup_epochs),
            steps=steps_per_epoch * recipe.epochs,
            decay_from=None if start is None else round(steps_per_epoch * start),
            shape=recipe.schedule,
            start=recipe.start_lr,
            final=recipe.final_lr,
        )

    def at(self, step: int) -> float:
        """The learning rate of a step, counted from 0: a linear rise to the peak, then a cosine or a line.

        The cosine is that of SGDR without restarts (Loshchilov and Hutter, 2017, eq. 5).
        """
        if step < self.warmup:
            if self.start is not None:
                return self.start + (self.peak - self.start) * step / self.warmup
            return self.peak * (step + 1) / (self.warmup + 1)
        begin = self.warmup if self.decay_from is None else self.decay_from
        if step < begin:
            return self.peak
        progress = (step - begin) / max(1, self.steps - begin)
        if self.shape is Schedule.LINEAR:
            return self.final + (self.peak - self.final) * (1 - progress)
        return self.final + (self.peak - self.final) * 0.5 * (1 + math.cos(math.pi * progress))


def steps_per_epoch(images: int, batch_size: int, world: int) -> int:
    """Full batches per epoch, at least one. Which images are left over changes with each epoch's order."""
    return max(1, images // (per_worker(batch_size, world) * world))


def per_worker(batch_size: int, world: int) -> int:
    """A worker's equal share of a step's images, rounded up."""
    return math.ceil(batch_size / world)


def epoch_batches(
    images: int, batch_size: int, *, seed: int, epoch: int, world: int = 1, repeats: int = 1
) -> Sequence[Tensor]:
    """The index batches of all workers together for one epoch.

    All workers draw the same order from (seed, epoch) and take their share of each step (`Place.share`). So they have
    equal numbers of steps and of images, and together see each image at most once. If there are fewer images than a
    step takes, the order is repeated until the step is full.

    Args:
        images: number of training images.
        batch_size: images per step of all workers together.
        seed: of the training.
        epoch: counted from 0.
        world: number of workers; a step takes a multiple of it.
        repeats: copies of each image in the same batch, each augmented anew, so that an epoch of as many steps sees as
            many times fewer images: repeated augmentation (Hoffer et al., 2020). A copy is an index of `images` more.
    """
    order = torch.randperm(images, generator=torch.Generator().manual_seed(mixed(seed, epoch)))
    if repeats > 1:
        copies = order[: math.ceil(images / repeats), None] + images * torch.arange(repeats)
        order = copies.flatten()[:images]
    step = per_worker(batch_size, world) * world
    count = steps_per_epoch(images, batch_size, world)
    if images < step:
        order = order.repeat(math.ceil(step / images))
    return [order[start : start + step] for start in range(0, count * step, step)]


def mixed(*parts: int) -> int:
    """Mix several integers into a 63-bit seed; similar inputs give unrelated seeds (splitmix64 steps)."""
    state = 0
    for part in parts:
        state = (state + part + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 31
    return state >> 1
