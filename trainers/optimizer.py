"""The optimiser of a recipe, and which weights decay."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from trainers.choices import OptimizerName
from trainers.errors import RecipeError
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
    """Make SGD or AdamW, with weight decay on weights of two or more dimensions that are no tokens and no positions.

    Raises:
        RecipeError: the model has no weight to train.
    """
    kept = exempt_names(model)
    trained = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    if not trained:
        raise RecipeError(
            f"this {type(model).__name__} has nothing to train: none of its parameters has requires_grad = True. A "
            "factory that freezes its weights must leave some of them free"
        )
    decayed = [parameter for name, parameter in trained if parameter.ndim > 1 and name not in kept]
    others = [parameter for name, parameter in trained if parameter.ndim <= 1 or name in kept]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    # torch has no fused step for complex numbers.
    fused = all(parameter.is_floating_point() for _, parameter in trained)
    if recipe.optimizer is OptimizerName.ADAMW:
        return torch.optim.AdamW(groups, lr=recipe.lr, betas=(recipe.momentum, 0.999), fused=fused)
    sgd = torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=fused)
    sgd.register_step_pre_hook(_begin_late)
    return sgd


def _begin_late(optimizer: torch.optim.Optimizer, *_: Any) -> None:
    """Give weights that take part only now, as those of a layer that was skipped, the momentum that they begin with.

    It is 0 before their first gradient. torch's fused SGD (2.x) fails where some have one and others none.
    """
    for group in optimizer.param_groups:
        moving = [parameter for parameter in group["params"] if parameter.grad is not None]
        held = [optimizer.state.get(parameter, {}).get("momentum_buffer") for parameter in moving]
        if all(momentum is None for momentum in held):
            continue  # the first step of all
        for parameter, momentum in zip(moving, held, strict=True):
            if momentum is None:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


def exempt_names(model: nn.Module) -> frozenset[str]:
    """Parameters of two or more dimensions that do not decay: those that the model names, as timm's do, or usually."""
    return frozenset(_exempt(model))


def _exempt(model: nn.Module) -> Iterator[str]:
    own = getattr(model, "no_weight_decay", None)
    named = frozenset(own()) if callable(own) else frozenset()
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and (name in named or not _NEVER_DECAY.isdisjoint(name.split("."))):
            yield name
