"""Networks and a split small enough to train in a fraction of a second."""

import torch
from torch import nn

from trainers.datasets.memory import TensorSplit


def small_net(num_classes: int = 3, seed: int = 0, *, dropout: float = 0.0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(16, num_classes),
        )


def small_split(count: int = 60, classes: int = 3, seed: int = 0) -> TensorSplit:
    """Images whose label is the position of a bright bar: easily learned."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    images = 0.3 * torch.randn((count, 1, 9, 9), generator=generator)
    for row in range(3):
        images[torch.arange(count), 0, labels * (9 // classes) + row] += 1.5
    return TensorSplit(images, labels, shift=1)


def plain_net(num_classes: int, in_chans: int) -> nn.Module:
    """Nothing in it depends on which images share a batch."""
    return nn.Sequential(
        nn.Conv2d(in_chans, 6, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, num_classes),
    )


def normed_net(num_classes: int, in_chans: int) -> nn.Module:
    """The statistics of its BatchNorm are those of each worker's own images."""
    return nn.Sequential(
        nn.Conv2d(in_chans, 6, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(24, num_classes),
    )
