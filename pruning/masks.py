"""Bake the masks of `torch.nn.utils.prune` into the weights: masked weights are zero, and the mask is removed."""

from collections.abc import Iterator

from torch import nn
from torch.nn.utils import prune

from pruning.cloning import clone_structure
from pruning.wrappers import unwrapped


def without_masks(model: nn.Module) -> nn.Module:
    """Return `model` without wrappers, itself if nothing is masked, else a copy with the masks applied to its weights.

    The parameters of the copy have their usual names (`weight`, not `weight_orig`).

    Raises:
        UnusableModuleError: it is of a kind that cannot be pruned; see `pruning.wrappers`.
    """
    model = unwrapped(model)
    if not any(True for _ in _masked(model)):
        return model
    plain = clone_structure(model, {})
    for module, name in list(_masked(plain)):
        prune.remove(module, name)
    return plain


def _masked(model: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    for module in model.modules():
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, prune.BasePruningMethod):
                yield module, hook._tensor_name
