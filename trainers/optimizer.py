"""The optimiser of a recipe, and which weights decay."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from trainers.choices import OptimizerName
from trainers.recipe import Recipe

_NEVER_DECAY = frozenset(
    {
        *("cls_token", "class_token", "dist_token", "distillation_token", "reg_token"),
        *("pos_embed", "pos_embedding", "position_embedding", "position_embeddings"),
        *("relative_position_bias_table", "rel_pos_bias"),
    }
)
"""Tokens, position embeddings and tables of position biases, as timm, torchvision and transformers call them."""


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Make SGD or AdamW, with weight decay on weights of two or more dimensions that are no tokens and no positions."""
    kept = exempt_names(model)
    trained = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    decayed = [parameter for name, parameter in trained if parameter.ndim > 1 and name not in kept]
    others = [parameter for name, parameter in trained if parameter.ndim <= 1 or name in kept]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if recipe.optimizer is OptimizerName.ADAMW:
        return torch.optim.AdamW(groups, lr=recipe.lr, betas=(recipe.momentum, 0.999), fused=True)
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=True)


def exempt_names(model: nn.Module) -> frozenset[str]:
    """Parameters of two or more dimensions that do not decay: those that the model names, as timm's do, or usually."""
    return frozenset(_exempt(model))


def _exempt(model: nn.Module) -> Iterator[str]:
    own = getattr(model, "no_weight_decay", None)
    named = frozenset(own()) if callable(own) else frozenset()
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and (name in named or not _NEVER_DECAY.isdisjoint(name.split("."))):
            yield name
