"""Which images a step takes, and its learning rate."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def lr_at(step: int, *, steps: int, warmup: int, peak: float) -> float:
    """The learning rate of a step: a linear rise to the peak, then a cosine.

    The cosine is that of SGDR without restarts (Loshchilov and Hutter, 2017, eq. 5).

    Args:
        step: counted from 0 over the whole training.
        steps: of the whole training; the cosine would reach 0 at this one.
        warmup: steps of the rise.
        peak: the highest learning rate.
    """
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1, steps - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))


def steps_per_epoch(images: int, batch_size: int, world: int) -> int:
    """Full batches per epoch, at least one. Which images are left over changes with each epoch's order."""
    return max(1, images // (per_worker(batch_size, world) * world))


def per_worker(batch_size: int, world: int) -> int:
    """A worker's equal share of a step's images, rounded up."""
    return math.ceil(batch_size / world)


def epoch_batches(images: int, batch_size: int, *, seed: int, epoch: int, world: int = 1) -> Sequence[Tensor]:
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
    """
    order = torch.randperm(images, generator=torch.Generator().manual_seed(mixed(seed, epoch)))
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
