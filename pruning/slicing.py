"""Cut a model: the structure is copied, the weights are picked along the owner maps, and nothing is shared."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from pruning.cloning import clone_structure
from pruning.errors import AllocationError
from pruning.following import unfuse_attention
from pruning.masks import without_masks
from pruning.owners import evaluate
from pruning.plan import Group, GroupKind, Plan

# The unit indices that stay in each group.
Selection = tuple[tuple[int, ...], ...]


def slice_model(model: nn.Module, plan: Plan, selection: Selection) -> nn.Module:
    """A new module with the selected units of each group, in the order given. `model` is untouched and shares
    no storage with the result.

    Raises:
        AllocationError: a group keeps no unit, or one that it does not have.
    """
    chosen = selected(plan, selection)
    model = without_masks(model)
    kept = [owner.kept(chosen) for owner in plan.owners]
    memo: dict[int, Any] = {}
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        memo[id(tensor)] = _cut(tensor, [kept[i] for i in plan.parameters.get(name, ())])
    pruned = clone_structure(model, memo)
    _forget(pruned)
    _follow(pruned, plan, [len(units) for units in selection])
    return pruned


def selected(plan: Plan, selection: Selection) -> list[torch.Tensor]:
    """The selection as index tensors, for owners to read.

    Raises:
        AllocationError: a group keeps no unit, or one that it does not have.
    """
    plan.check([len(units) for units in selection])
    for group, units in zip(plan.groups, selection, strict=True):
        if min(units) < 0 or max(units) >= group.units or len(set(units)) != len(units):
            raise AllocationError(
                f"group {group.index} ({group.name}) has units 0 to {group.units - 1}; "
                f"the selection names {sorted(units)} of them"
            )
    return [torch.tensor(units) for units in selection]


def _cut(tensor: torch.Tensor, kept: Sequence[torch.Tensor]) -> torch.Tensor:
    result = tensor.detach()
    for dim, indices in enumerate(kept):
        if len(indices) != tensor.shape[dim] or not torch.equal(indices, torch.arange(len(indices))):
            result = result.index_select(dim, indices.to(tensor.device))
    if result.data_ptr() == tensor.data_ptr():
        result = result.clone()
    return nn.Parameter(result, requires_grad=tensor.requires_grad) if isinstance(tensor, nn.Parameter) else result


def _forget(pruned: nn.Module) -> None:
    """Layers that keep what they derived from their weights for evaluation (timm's attention biases) drop it on
    entering training."""
    modes = [(module, module.training) for module in pruned.modules()]
    pruned.train().train(modes[0][1])
    for module, training in modes:
        if module.training is not training:
            module.training = training


def _follow(pruned: nn.Module, plan: Plan, allocation: Sequence[int]) -> None:
    """Let the layers' own numbers say what they now are."""
    widths = [evaluate(owner.width(), allocation) for owner in plan.owners]
    for cut in plan.attributes:
        numbers, width = vars(pruned.get_submodule(cut.layer)), widths[cut.owner]
        value = numbers[cut.attribute]
        if cut.position is not None:
            width = type(value)([*value[: cut.position], width, *value[cut.position + 1 :]])
        numbers[cut.attribute] = width
    for group, kept in zip(plan.groups, allocation, strict=True):
        if group.kind is GroupKind.HEAD_DIMS and kept < group.units:
            _keep_scale(pruned, group)


def _keep_scale(pruned: nn.Module, group: Group) -> None:
    """Attention divides by the root of its dims. The weights were trained with the root that the layer remembers;
    torch's fused attention takes it from the cut tensors instead, so such a layer computes unfused."""
    for layer in group.layers:
        unfuse_attention(pruned.get_submodule(layer.rpartition(".")[0]))
