"""Small models of our own for 32×32 images, under timm's registry: the embedded default and its transformer twin."""

from typing import Any

from timm.models import register_model
from timm.models.resnet import BasicBlock, ResNet
from timm.models.vision_transformer import VisionTransformer
from torch import nn


@register_model
def resnet18_quarter(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """A ResNet-18 of a quarter of the width, with a deep stem."""
    _refuse_pretrained("resnet18_quarter", pretrained)
    kwargs = _without_timm_extras(kwargs)
    block: Any = BasicBlock  # timm's annotation asks for an instance where it takes the class
    return ResNet(block, (2, 2, 2, 2), channels=(16, 32, 64, 128), stem_type="deep", stem_width=8, **kwargs)


@register_model
def vit_quarter(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """A vision transformer with 64 tokens of 64 dims, four blocks of four heads."""
    _refuse_pretrained("vit_quarter", pretrained)
    kwargs = {"img_size": 32} | _without_timm_extras(kwargs)
    return VisionTransformer(patch_size=4, embed_dim=64, depth=4, num_heads=4, **kwargs)


def _refuse_pretrained(name: str, pretrained: bool) -> None:
    if pretrained:
        raise ValueError(f"{name} has no published weights; train a base with this project instead")


def _without_timm_extras(kwargs: dict[str, Any]) -> dict[str, Any]:
    """timm's factory passes these to every model function; only its own builder understands them."""
    return {k: v for k, v in kwargs.items() if k not in ("pretrained_cfg", "pretrained_cfg_overlay", "cache_dir")}
