"""Small models for 32×32 images, registered with timm: the default model and a transformer of similar size."""

from typing import Any

from timm.models import register_model
from timm.models.resnet import BasicBlock, ResNet
from timm.models.vision_transformer import VisionTransformer
from torch import nn


@register_model
def resnet18_quarter(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """A ResNet-18 with a quarter of the usual width and a deep stem.

    Raises:
        ValueError: `pretrained` is set; there are no published weights.
    """
    _refuse_pretrained("resnet18_quarter", pretrained)
    kwargs = _without_timm_extras(kwargs)
    block: Any = BasicBlock  # timm's annotation asks for an instance where it takes the class
    return ResNet(block, (2, 2, 2, 2), channels=(16, 32, 64, 128), stem_type="deep", stem_width=8, **kwargs)


@register_model
def vit_quarter(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """A vision transformer with 64 tokens of 64 dims and four blocks of four heads.

    Raises:
        ValueError: `pretrained` is set; there are no published weights.
    """
    _refuse_pretrained("vit_quarter", pretrained)
    kwargs = {"img_size": 32} | _without_timm_extras(kwargs)
    return VisionTransformer(patch_size=4, embed_dim=64, depth=4, num_heads=4, **kwargs)


def _refuse_pretrained(name: str, pretrained: bool) -> None:
    if pretrained:
        raise ValueError(f"{name} has no published weights; train a base with this project instead")


def _without_timm_extras(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Drop the arguments that timm's factory passes to every model function and only its own builder understands."""
    return {k: v for k, v in kwargs.items() if k not in ("pretrained_cfg", "pretrained_cfg_overlay", "cache_dir")}
