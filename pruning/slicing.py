"""Slice a model: copy its structure and select its weights along the owner maps, without shared storage."""

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
    """Create a smaller module that keeps the selected units of each group.

    Args:
        model: the unpruned model. It is not changed and shares no storage with the result.
        plan: its plan.
        selection: for each group the indices of the units to keep, in the order that they get in the result.

    Raises:
        AllocationError: a group keeps no unit, or one that it does not have.
    """
    chosen = selection_tensors(plan, selection)
    model = without_masks(model)
    kept = [owner.kept(chosen) for owner in plan.owners]
    memo: dict[int, Any] = {}
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        memo[id(tensor)] = _cut(tensor, [kept[i] for i in plan.parameters.get(name, ())])
    pruned = clone_structure(model, memo)
    _drop_cached_tensors(pruned)
    _update_attributes(pruned, plan, [len(units) for units in selection])
    return pruned


def selection_tensors(plan: Plan, selection: Selection) -> list[torch.Tensor]:
    """The selection as index tensors, as owner maps take it.

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


def _drop_cached_tensors(pruned: nn.Module) -> None:
    """Switch to training mode and back, so that layers drop what they derived from their weights.

    Such layers (timm's attention biases) cache it for evaluation and drop it on entering training.
    """
    modes = [(module, module.training) for module in pruned.modules()]
    pruned.train().train(modes[0][1])
    for module, training in modes:
        if module.training is not training:
            module.training = training


def _update_attributes(pruned: nn.Module, plan: Plan, allocation: Sequence[int]) -> None:
    """Set the layers' attributes that state lengths to the new lengths."""
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
    """Unfuse attention layers whose head dims were cut, to keep their scale.

    Attention divides by the square root of its head dims. The weights were trained with the scale that the layer
    stores; torch's fused attention would compute it from the cut tensors instead.
    """
    for layer in group.layers:
        unfuse_attention(pruned.get_submodule(layer.rpartition(".")[0]))
