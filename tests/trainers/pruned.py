"""A pruned checkpoint of the quarter-width ResNet-18, small enough to train in seconds."""

from pathlib import Path
from typing import Any

import torch

from pruning.checkpoint import save_pruned
from pruning.importance.registry import importance
from pruning.models import ModelSpec
from pruning.planning import build_plan
from pruning.projection import project
from pruning.selection import select
from pruning.slicing import slice_model
from trainers.base import initial_model

SPEC = ModelSpec("resnet18_quarter", 10, (1, 32, 32))


def pruned_checkpoint(folder: Path, *, share: float = 0.05, recipe: dict[str, Any] | None = None) -> Path:
    """Save an untrained model at `share` of its MACs; it may say that it was trained."""
    model = initial_model(SPEC, seed=0)
    plan = build_plan(model, SPEC, verify=False)
    target = round(plan.baseline_macs * share)
    allocation = project(plan, [max(1, group.units // 4) for group in plan.groups], target).allocation
    selection = select(importance("l1").scores(model, plan), allocation)
    return save_pruned(slice_model(model, plan, selection), plan, selection, folder, recipe=recipe)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def same_bits(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
