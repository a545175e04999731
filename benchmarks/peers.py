"""torch-pruning as its users use it: the peer of the pruning benchmarks."""

import contextlib
import copy
import warnings
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
import torch_pruning as tp
from torch import nn

from pruning.counter import count_macs


def pruner(
    model: nn.Module,
    input_size: tuple[int, int, int],
    *,
    steps: int = 1,
    ratio: float = 0.5,
    classes: int = 1000,
    isomorphic: bool = False,
) -> Any:
    """torch-pruning's magnitude pruner over the whole model, with the classifier and (for transformers) the heads
    set up as its examples do; `isomorphic` ranks alike layers together (arXiv:2407.04616)."""
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
            global_pruning=isomorphic,
            isomorphic=isomorphic,
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


def pruned_to(
    model: nn.Module, input_size: tuple[int, int, int], target: int, *, classes: int, isomorphic: bool
) -> nn.Module:
    """A copy pruned by the least of torch-pruning's ratios that puts it at or under `target` MACs."""

    def cut(ratio: float) -> nn.Module:
        subject = copy.deepcopy(model)
        with repaired_layer_norm():
            pruner(subject, input_size, ratio=ratio, classes=classes, isomorphic=isomorphic).step()
        _tell_attention(subject)
        return subject

    return cut(least_ratio(lambda ratio: count_macs(cut(ratio), input_size), target))


def least_ratio(macs_at: Callable[[float], int], target: int, tries: int = 16) -> float:
    """The least ratio at which `macs_at` is at or under `target`: by bisection, or the first of ninety-nine.

    The latter because a layer that would lose all its channels keeps them all: with a joint ranking a larger ratio can
    leave a larger model, and bisection then misses the ratios that fit.
    """
    low, high = 0.0, 1.0
    for _ in range(tries):
        ratio = (low + high) / 2
        low, high = (low, ratio) if macs_at(ratio) <= target else (ratio, high)
    if high < 1.0:
        return high
    for hundredth in range(1, 100):
        if macs_at(hundredth / 100) <= target:
            return hundredth / 100
    raise ValueError(f"no ratio reaches {target:,} MACs")


@contextlib.contextmanager
def repaired_layer_norm() -> Iterator[None]:
    """torch-pruning 1.6.1 collects the channels that a LayerNorm keeps in a set and sorts a copy of them, so that small
    sets come out shuffled against the other layers' (tests/pruning/test_peer.py). Here they stay in order."""
    cutter = tp.pruner.function.PrunerBox[tp.ops.OPTYPE.LN]
    cut = cutter._prune_parameter_and_grad
    vars(cutter)["_prune_parameter_and_grad"] = lambda weight, kept, dim: cut(weight, kept.sort().values, dim)
    try:
        yield
    finally:
        del vars(cutter)["_prune_parameter_and_grad"]


def _tell_attention(model: nn.Module) -> None:
    """timm's attention keeps its sizes as numbers, which torch-pruning leaves to its user to correct."""
    for module in model.modules():
        if hasattr(module, "num_heads") and isinstance(qkv := getattr(module, "qkv", None), nn.Linear):
            width = qkv.out_features // 3
            vars(module).update(attn_dim=width, head_dim=width // cast(int, module.num_heads))
