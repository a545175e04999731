"""torch-pruning as its users use it: the peer of the pruning benchmarks."""

import copy
import warnings
from typing import Any

import torch
import torch_pruning as tp
from torch import nn

from pruning.counter import count_macs


def pruner(
    model: nn.Module, input_size: tuple[int, int, int], *, steps: int = 1, ratio: float = 0.5, classes: int = 1000
) -> Any:
    """torch-pruning's magnitude pruner over the whole model, with the classifier and (for transformers) the heads
    set up as its examples do."""
    heads = {}
    for module in model.modules():
        if hasattr(module, "num_heads") and hasattr(module, "qkv"):
            heads[module.qkv] = module.num_heads
            vars(module)["fused_attn"] = False
    classifier = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == classes]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tp.pruner.MagnitudePruner(
            model,
            torch.zeros(1, *input_size),
            importance=tp.importance.MagnitudeImportance(p=2),
            pruning_ratio=ratio,
            iterative_steps=steps,
            ignored_layers=classifier,
            num_heads=heads,
        )


def deepcopy_and_prune(model: nn.Module, input_size: tuple[int, int, int], ratio: float = 0.5) -> nn.Module:
    """A pruned copy of `model`, the way that leaves the base whole."""
    subject = copy.deepcopy(model)
    pruner(subject, input_size, ratio=ratio).step()
    return subject


def prune_and_count(model: nn.Module, input_size: tuple[int, int, int], ratio: float = 0.5) -> int:
    """What one strategy costs, found by making the model and counting it."""
    return count_macs(deepcopy_and_prune(model, input_size, ratio), input_size)


def step_until_under(model: nn.Module, input_size: tuple[int, int, int], target: int, *, steps: int = 200) -> int:
    """torch-pruning's own way to a budget: prune in `steps` small steps and stop at the first that is not over.

    Returns:
        The MACs of the model it stops at.
    """
    subject = copy.deepcopy(model)
    stepper = pruner(subject, input_size, steps=steps, ratio=0.99)
    macs = count_macs(subject, input_size)
    for _ in range(steps):
        if macs <= target:
            break
        stepper.step()
        macs = count_macs(subject, input_size)
    return macs
