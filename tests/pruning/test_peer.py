"""Tests against torch-pruning: equal outputs where it is right, and a case where it is not."""

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pruning.models import ModelSpec, create_model
from pruning.planning import build_plan
from pruning.proof import randomised_copy
from pruning.slicing import slice_model

tp = pytest.importorskip("torch_pruning")


def _cut_by_peer(graph: Any, layer: nn.Module, gone: list[int]) -> None:
    function = tp.prune_conv_out_channels if isinstance(layer, nn.Conv2d) else tp.prune_linear_out_channels
    graph.get_pruning_group(layer, function, idxs=gone).prune()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "mobilenetv2_100", "densenet121"])
def test_cuts_as_torch_pruning_does(name: str) -> None:
    """The first half of every group is cut, in both libraries."""
    spec = ModelSpec(name, 10, (3, 64, 64))
    model = randomised_copy(create_model(spec), torch.Generator().manual_seed(0)).float()
    plan = build_plan(model, spec, verify=False)
    ours = slice_model(model, plan, tuple(tuple(range(g.units // 2, g.units)) for g in plan.groups))
    theirs = copy.deepcopy(model)
    image = torch.randn(2, 3, 64, 64)
    graph = tp.DependencyGraph().build_dependency(theirs, example_inputs=image)
    for group in plan.groups:
        _cut_by_peer(graph, theirs.get_submodule(group.name), list(range(group.units // 2)))
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    with torch.inference_mode():
        torch.testing.assert_close(ours(image), theirs.eval()(image), rtol=1e-4, atol=1e-4)


class Normed(nn.Module):
    """Linear 3→64 · layer norm · linear 64→2, on pooled pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Linear(3, 64)
        self.norm = nn.LayerNorm(64)
        self.leave = nn.Linear(64, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.leave(self.norm(self.enter(x.mean((2, 3)))))


def test_a_layer_norm_keeps_its_weights_in_order_where_torch_pruning_scrambles_them() -> None:
    """torch-pruning 1.6.1 collects the kept indices in a set and calls `Tensor.sort()`, which sorts only a copy."""
    model: Any = randomised_copy(Normed(), torch.Generator().manual_seed(0)).float()
    kept = [7, 16, 40]
    image = torch.randn(4, 3, 2, 2)
    inside = F.linear(image.mean((2, 3)), model.enter.weight[kept], model.enter.bias[kept])
    normed = F.layer_norm(inside, (3,), model.norm.weight[kept], model.norm.bias[kept])
    expected = F.linear(normed, model.leave.weight[:, kept], model.leave.bias)
    plan = build_plan(model, ModelSpec("toy", 2, (3, 2, 2)), verify=False)
    ours = slice_model(model, plan, (tuple(kept),))
    torch.testing.assert_close(ours(image), expected)
    theirs = copy.deepcopy(model)
    graph = tp.DependencyGraph().build_dependency(theirs, example_inputs=image)
    _cut_by_peer(graph, theirs.get_submodule("enter"), [i for i in range(64) if i not in kept])
    assert not torch.allclose(theirs(image), expected, atol=1e-3), "repaired upstream? then drop this half"
