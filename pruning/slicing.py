"""Cut a model: the structure is copied, the weights are picked along the owner maps, and nothing is shared."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from pruning.blueprint import Plan
from pruning.errors import AllocationError
from pruning.owners import evaluate
from pruning.trace import unfuse_attention

# The unit indices that stay in each group.
Selection = tuple[tuple[int, ...], ...]


def slice_model(model: nn.Module, plan: Plan, selection: Selection) -> nn.Module:
    """A new module with the selected units of each group, in the order given. `model` is untouched and shares
    no storage with the result.

    Raises:
        AllocationError: a group keeps no unit, or one that it does not have.
    """
    chosen = _checked(plan, selection)
    kept = [owner.kept(chosen) for owner in plan.owners]
    memo: dict[int, Any] = {}
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        memo[id(tensor)] = _cut(tensor, [kept[i] for i in plan.parameters.get(name, ())])
    pruned = copy.deepcopy(model, memo)
    _follow(pruned, plan, [len(units) for units in selection])
    return pruned


def _checked(plan: Plan, selection: Selection) -> list[torch.Tensor]:
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


def _follow(pruned: nn.Module, plan: Plan, allocation: Sequence[int]) -> None:
    """Let the layers' own numbers say what they now are."""
    widths = [evaluate(owner.width(), allocation) for owner in plan.owners]
    for cut in plan.attributes:
        module = pruned.get_submodule(cut.layer)
        before, now = getattr(module, cut.attribute), [widths[i] for i in cut.owners]
        setattr(module, cut.attribute, now[0] if isinstance(before, int) else tuple(now))
    unfuse_attention(pruned)
