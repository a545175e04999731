"""A small vision transformer for 32×32 images that can be trained on a few thousand of them."""

from itertools import pairwise
from typing import Any

from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn


class ConvStem(nn.Module):
    """A stem of three strided convolutions in place of one large patch.

    A transformer with such a stem learns from far fewer images (Xiao et al., arXiv:2106.14881).
    """

    def __init__(self, img_size: int, patch_size: int, in_chans: int, embed_dim: int, **_: Any) -> None:
        super().__init__()
        self.grid_size = (img_size // patch_size, img_size // patch_size)
        self.num_patches = self.grid_size[0] * self.grid_size[1]
        self.patch_size = (patch_size, patch_size)
        widths = (in_chans, embed_dim // 4, embed_dim // 2, embed_dim)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=2, padding=1) for before, after in pairwise(widths)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Images `[N, C, H, W]` as tokens `[N, HW/64, dim]`."""
        first, second, last = self.convolutions
        tokens: Tensor = last(nn.functional.gelu(second(nn.functional.gelu(first(images)))))
        return tokens.flatten(2).transpose(1, 2)


def vit_small_patch8(num_classes: int, in_chans: int) -> nn.Module:
    """A vision transformer with 16 tokens of 64 dims and four blocks of four heads."""
    return VisionTransformer(
        img_size=32,
        patch_size=8,
        in_chans=in_chans,
        num_classes=num_classes,
        embed_dim=64,
        depth=4,
        num_heads=4,
        embed_layer=ConvStem,
    )
