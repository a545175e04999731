"""One small model of each stem of every timm family: what `python -m benchmarks.zoo` tries.

A family is a module of timm; a stem is what a name begins with: `resnet`, `seresnext`, `tf_efficientnet`.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import timm
import torch
from torch import nn

# Structures that share their stem with a smaller model.
EXTRA = (
    "vit_small_patch16_dinov3_qkvb", "vit_tiny_r_s16_p8_224", "vit_small_r26_s32_224", "vit_small_patch16_rope_224",
    "eva02_tiny_patch14_224", "vit_pwee_patch16_reg1_gap_256", "vit_small_patch16_18x2_224", "resnetv2_50d_gn",
)  # fmt: skip
_PREFIXES = {"tf", "vit", "test", "legacy", "eca", "dm", "gc", "sam", "res", "tiny", "wide"}  # of several stems
_SIDES = (64, 96, 128)
_LARGE = 10_000_000  # parameters
_SHALLOW: tuple[dict[str, Any], ...] = (
    {"depth": 2}, {"depths": (1, 1, 2, 1)}, {"layers": (1, 1, 2, 1)}, {"depths": (1, 1, 2)}, {"layers": (1, 1, 2)},
)  # fmt: skip


def stem_of(name: str) -> str:
    """The beginning of a name: `seresnext` of `seresnext50_32x4d`, `tf_efficientnet` of `tf_efficientnet_b0`."""
    first, *rest = (re.match(r"[a-z]*(?:v\d)?", part).group() for part in name.split("_"))  # type: ignore[union-attr]
    return f"{first}_{rest[0]}" if first in _PREFIXES and rest and rest[0] else first


def sample() -> dict[str, str]:
    """Names with their families: the model of fewest parameters of each stem, and `EXTRA`; the smallest first."""
    chosen: dict[str, str] = {}
    params: dict[str, int] = {}
    for family in timm.list_modules():
        stems: dict[str, list[str]] = defaultdict(list)
        for name in timm.list_models(module=family):
            stems[stem_of(name)].append(name)
            params[name] = _params(name)
        for names in stems.values():
            chosen[min(names, key=lambda name: (params[name], name))] = family
    chosen |= {name: "extra" for name in EXTRA if name in params and name not in chosen}
    return {name: chosen[name] for name in sorted(chosen, key=lambda name: (params[name], name))}


def _params(name: str) -> int:
    try:
        with torch.device("meta"):
            model = timm.create_model(name)
    except Exception:  # noqa: BLE001 - a model that cannot be made without values is chosen by its name alone
        return 2**62
    return sum(parameter.numel() for parameter in model.parameters())


def small_models(name: str, classes: int) -> Iterator[tuple[nn.Module, tuple[int, int, int]]]:
    """The model at each input size that it takes, the small ones first, the published one last.

    A model of many parameters is made with fewer blocks if timm takes their number: its blocks are alike.
    """
    config = timm.get_pretrained_cfg(name)
    channels, *published = (3, 224, 224) if config is None else config.input_size
    shallow = next((some for some in _SHALLOW if _takes(name, some)), {}) if _params(name) > _LARGE else {}
    for options in [shallow, {}] if shallow else [{}]:  # some take the number and do not run with it
        found = False
        for one in _sized(name, channels, min(published), options | {"num_classes": classes}):
            found = True
            yield one
        if found:
            return


def _sized(
    name: str, channels: int, published: int, options: dict[str, Any]
) -> Iterator[tuple[nn.Module, tuple[int, int, int]]]:
    for side in [*(side for side in _SIDES if side < published), published]:
        for sized in ({}, {"img_size": side}):
            model = _made(name, (channels, side, side), **options, **sized)
            if model is not None:
                yield model, (channels, side, side)
                break


def _made(name: str, size: tuple[int, int, int], **options: Any) -> nn.Module | None:
    """The model, if it can be made and takes images of this size."""
    try:
        model = timm.create_model(name, **options).eval()
        with torch.no_grad():
            model(torch.zeros(1, *size))
    except Exception:  # noqa: BLE001 - timm's models raise what they like
        return None
    return model


def _takes(name: str, options: dict[str, Any]) -> bool:
    try:
        with torch.device("meta"):
            shallow = timm.create_model(name, **options)
    except Exception:  # noqa: BLE001 - timm's factories raise what they like for options that they do not take
        return False
    return sum(parameter.numel() for parameter in shallow.parameters()) < _params(name)
