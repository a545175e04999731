"""Small networks in which single units are expensive: few groups, or groups of very unequal size.

A budget is hard to use up here: one head of four costs a fifth of the network, and a bottleneck of two channels is next
to a layer of 512.
"""

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torch.nn import functional as F

from pruning.models import ModelSpec
from pruning.plan import Plan
from pruning.planning import build_plan

_CLASSES, _SIDE = 10, 16

# heads, dim, MLP, layers
_ENCODERS = (
    (4, 32, 64, 2), (4, 32, 64, 1), (2, 32, 64, 2), (3, 24, 48, 3), (4, 32, 8, 2), (2, 64, 512, 1), (4, 64, 16, 3),
    (2, 16, 3, 1),
)  # fmt: skip
# embedding, heads, MLP ratio, layers
_VITS = ((16, 1, 4, 1), (16, 2, 2, 1), (24, 3, 2, 2), (32, 4, 4, 2), (48, 3, 4, 3), (8, 2, 1, 4))
# widths from the first to the last layer
_CHAINS = (
    (2,), (3, 5), (2, 3, 512), (512, 2), (3, 512, 512), (1, 256, 4), (4, 4, 4, 4), (2,) * 7, (16, 48, 128),
    (2, 300, 2, 300), (64, 64, 64), (1, 2, 4, 8, 16, 32),
)  # fmt: skip
# widths of the layers, and the units of the gate after each
_GATED = (
    ((64,), 1), ((64, 64), 2), ((16, 128), 1), ((8, 8, 8), 2), ((256, 4), 4), ((32, 64, 128), 2), ((2, 96, 2), 1),
    ((512, 512), 1),
)  # fmt: skip
# trunk and the inside of each block
_BLOCKS = ((2, (256,)), (64, (1,)), (16, (16, 16)), (300, (3, 3)), (8, (2, 64, 2)), (128, (2, 2, 2, 128)))


def coarse_plans() -> Iterator[Plan]:
    """The plans of all networks, in a fixed order."""
    for name, make in _makers():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="enable_nested_tensor")
            yield build_plan(make(), ModelSpec(name, _CLASSES, (3, _SIDE, _SIDE)), verify=False)


def _makers() -> Iterator[tuple[str, Callable[[], nn.Module]]]:
    for kind, sizes in ((_Encoder, _ENCODERS), (_vit, _VITS), (_Gated, _GATED), (_Blocks, _BLOCKS)):
        for size in sizes:
            yield f"{kind.__name__.strip('_').lower()}{size}", partial(kind, *size)
    for widths in _CHAINS:
        yield f"chain{widths}", partial(_chain, widths)


class _Encoder(nn.Module):
    """`nn.TransformerEncoder` on patches of 4×4 pixels, classified by the first token."""

    def __init__(self, heads: int, dim: int, mlp: int, layers: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, dim, 4, 4)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(dim, heads, mlp, batch_first=True), layers)
        self.head = nn.Linear(dim, _CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(self.stem(x).flatten(2).transpose(1, 2))[:, 0])


def _vit(embedding: int, heads: int, mlp_ratio: int, layers: int) -> nn.Module:
    return VisionTransformer(
        img_size=_SIDE,
        patch_size=4,
        num_classes=_CLASSES,
        embed_dim=embedding,
        depth=layers,
        num_heads=heads,
        mlp_ratio=mlp_ratio,
    )


class _Gated(nn.Module):
    """Convolutions, each followed by a squeeze-and-excitation gate with few units inside."""

    def __init__(self, widths: tuple[int, ...], squeezed: int) -> None:
        super().__init__()
        ends = list(pairwise((3, *widths)))
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in ends)
        self.squeeze = nn.ModuleList(nn.Conv2d(b, squeezed, 1) for _, b in ends)
        self.excite = nn.ModuleList(nn.Conv2d(squeezed, b, 1) for _, b in ends)
        self.head = nn.Linear(widths[-1], _CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for conv, squeeze, excite in zip(self.convs, self.squeeze, self.excite, strict=True):
            x = F.relu(conv(x))
            x = x * torch.sigmoid(excite(F.relu(squeeze(x.mean((2, 3), keepdim=True)))))
        return self.head(x.mean((2, 3)))


class _Blocks(nn.Module):
    """A trunk with residual blocks of two convolutions."""

    def __init__(self, trunk: int, inside: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, trunk, 3, 2, 1)
        self.enter = nn.ModuleList(nn.Conv2d(trunk, width, 1) for width in inside)
        self.leave = nn.ModuleList(nn.Conv2d(width, trunk, 3, 1, 1) for width in inside)
        self.head = nn.Linear(trunk, _CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for enter, leave in zip(self.enter, self.leave, strict=True):
            x = x + leave(F.relu(enter(x)))
        return self.head(x.mean((2, 3)))


def _chain(widths: tuple[int, ...]) -> nn.Module:
    convs = [nn.Sequential(nn.Conv2d(a, b, 3, 1, 1), nn.ReLU()) for a, b in pairwise((3, *widths))]
    return nn.Sequential(*convs, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], _CLASSES))
