"""The peer of the pruning benchmarks: torch-pruning, called as its examples do."""

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
    """Create torch-pruning's magnitude pruner for the whole model.

    The classifier and (for transformers) the heads are set up as in its examples.

    Args:
        model: the model, which the pruner changes in place.
        input_size: channels, height and width of the image.
        steps: number of steps in which the ratio is reached.
        ratio: share of channels to remove.
        classes: number of classes, by which the classifier is recognised.
        isomorphic: rank isomorphic layers together (arXiv:2407.04616).
    """
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


def deepcopy_and_prune(
    model: nn.Module, input_size: tuple[int, int, int], ratio: float = 0.5, *, classes: int = 1000
) -> nn.Module:
    """Prune a copy of `model`, which leaves the base unchanged."""
    subject = copy.deepcopy(model)
    pruner(subject, input_size, ratio=ratio, classes=classes).step()
    return subject


def prune_and_count(model: nn.Module, input_size: tuple[int, int, int], ratio: float = 0.5) -> int:
    """The MACs at one ratio, found by creating the pruned model and counting it."""
    return count_macs(deepcopy_and_prune(model, input_size, ratio), input_size)


def step_until_under(model: nn.Module, input_size: tuple[int, int, int], target: int, *, steps: int = 200) -> int:
    """Reach a budget as torch-pruning does: prune in small steps and stop at the first model that is not over.

    Args:
        model: the unpruned model; a copy of it is pruned.
        input_size: channels, height and width of the image.
        target: the most MACs allowed.
        steps: number of steps from the whole model to nearly nothing.

    Returns:
        The MACs of the model at which it stops.
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


def prune_to(
    model: nn.Module, input_size: tuple[int, int, int], target: int, *, classes: int, isomorphic: bool
) -> nn.Module:
    """Prune a copy by the smallest of torch-pruning's ratios that brings it to `target` MACs or fewer.

    Args:
        model: the unpruned model.
        input_size: channels, height and width of the image.
        target: the most MACs allowed.
        classes: number of classes.
        isomorphic: rank isomorphic layers together.

    Raises:
        ValueError: no ratio reaches the target.
    """

    def cut(ratio: float) -> nn.Module:
        subject = copy.deepcopy(model)
        with repaired_layer_norm():
            pruner(subject, input_size, ratio=ratio, classes=classes, isomorphic=isomorphic).step()
        _update_attention_sizes(subject)
        return subject

    return cut(least_ratio(lambda ratio: count_macs(cut(ratio), input_size), target))


def least_ratio(macs_at: Callable[[float], int], target: int, tries: int = 16) -> float:
    """The smallest ratio at which `macs_at` is at most `target`.

    It is found by bisection, or as the first of 99 evenly spaced ratios if bisection finds none: a layer that would
    lose all its channels keeps them all, so with a joint ranking a larger ratio can leave a larger model, and bisection
    misses the ratios that fit.

    Args:
        macs_at: the MACs at a ratio.
        target: the most MACs allowed.
        tries: number of bisections.

    Raises:
        ValueError: no ratio reaches the target.
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
    """Repair the order of a LayerNorm's channels in torch-pruning during the block.

    torch-pruning 1.6.1 collects the channels that a LayerNorm keeps in a set and sorts a copy of them, so that small
    sets are shuffled relative to the other layers (see `tests/pruning/test_peer.py`).
    """
    cutter = tp.pruner.function.PrunerBox[tp.ops.OPTYPE.LN]
    cut = cutter._prune_parameter_and_grad
    vars(cutter)["_prune_parameter_and_grad"] = lambda weight, kept, dim: cut(weight, kept.sort().values, dim)
    try:
        yield
    finally:
        del vars(cutter)["_prune_parameter_and_grad"]


def _update_attention_sizes(model: nn.Module) -> None:
    """Correct the sizes that timm's attention stores as attributes, which torch-pruning leaves to its user."""
    for module in model.modules():
        if hasattr(module, "num_heads") and isinstance(qkv := getattr(module, "qkv", None), nn.Linear):
            width = qkv.out_features // 3
            vars(module).update(attn_dim=width, head_dim=width // cast(int, module.num_heads))
