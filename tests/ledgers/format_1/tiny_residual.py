"""The network of the recorded runs: small enough that its weights lie beside them."""

import torch
from torch import nn


class Block(nn.Module):
    """Two convolutions, added to their input; the first may halve the image and widen it."""

    def __init__(self, narrow: int, wide: int, stride: int) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.Conv2d(narrow, wide, 3, stride, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU())
        self.leave = nn.Sequential(nn.Conv2d(wide, wide, 3, 1, 1, bias=False), nn.BatchNorm2d(wide))
        self.beside = nn.Identity() if stride == 1 else nn.Conv2d(narrow, wide, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.beside(x) + self.leave(self.enter(x)))


def tiny_residual(num_classes: int, in_chans: int) -> nn.Module:
    """Three blocks of 8, 12 and 16 channels on images a quarter as large as they come."""
    return nn.Sequential(
        nn.Conv2d(in_chans, 8, 4, 4, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        Block(8, 8, 1),
        Block(8, 12, 2),
        Block(12, 16, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, num_classes),
    )
