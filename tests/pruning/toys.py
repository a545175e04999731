"""Networks of a few layers whose counts can be derived by hand."""

import torch
from torch import nn
from torch.nn import functional as F


class Chain(nn.Module):
    """Conv 3→8 (3×3, same) · batch norm · relu · conv 8→6 (3×3, stride 2) · pool · linear 6→5."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 6, 3, stride=2, padding=1)
        self.head = nn.Linear(6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv2(F.relu(self.norm(self.conv1(x))))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Residual(nn.Module):
    """A stem of 4 channels and a residual block with 6 channels inside."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.enter = nn.Conv2d(4, 6, 1)
        self.leave = nn.Conv2d(6, 4, 1)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = x + self.leave(F.relu(self.enter(x)))
        return self.head(x.mean((2, 3)))


class Grouped(nn.Module):
    """Conv 3→8 · grouped conv 8→12 in 4 groups · depthwise conv 12 · conv 12→2."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 1)
        self.grouped = nn.Conv2d(8, 12, 3, padding=1, groups=4)
        self.depthwise = nn.Conv2d(12, 12, 3, padding=1, groups=12)
        self.last = nn.Conv2d(12, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(F.relu(self.depthwise(F.relu(self.grouped(self.first(x))))))


class Branches(nn.Module):
    """Two convs concatenated, flattened over 2×2 pixels into a linear layer; the second branch is also halved."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Conv2d(3, 5, 1)
        self.right = nn.Conv2d(3, 6, 1)
        self.head = nn.Linear((5 + 6 + 3) * 4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left, right = self.left(x), self.right(x)
        a, b = right.chunk(2, dim=1)
        x = torch.cat([left, right, a * b], 1)
        return self.head(F.adaptive_avg_pool2d(x, 2).flatten(1))


class Spectral(nn.Module):
    """Takes singular values over its channels, which no rule can follow through a cut."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.linalg.svdvals(self.conv(x).flatten(2)))
