"""Tests of MACs: against counts derived by hand, and against fvcore for each operation that it counts."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pruning.counter import count_macs
from pruning.errors import PruningError
from pruning.models import ModelSpec
from pruning.planning import build_plan
from tests.pruning.toys import Branches, Chain, Grouped, Residual
from tests.trainers.structured import Multi, Told


def spec(pixels: int = 8) -> ModelSpec:
    return ModelSpec("toy", 5, (3, pixels, pixels))


def test_a_chain_by_hand() -> None:
    plan = build_plan(Chain(), spec())
    assert [(g.name, g.units) for g in plan.groups] == [("conv1", 8), ("conv2", 6)]

    def expected(a: int, b: int) -> int:
        conv1, norm, conv2 = 3 * a * 9 * 64, 2 * a * 64, a * b * 9 * 16
        pool, head = b * 16, b * 5
        return conv1 + norm + conv2 + pool + head

    for kept in ((8, 6), (1, 1), (5, 2)):
        assert plan.macs(kept) == expected(*kept)
        assert plan.variant_macs(kept) == expected(*kept) - 2 * kept[0] * 64 - kept[1] * 16
        a, b = kept
        assert plan.params(kept) == (27 * a + a) + 2 * a + (9 * a * b + b) + (5 * b + 5)


def test_a_residual_by_hand() -> None:
    plan = build_plan(Residual(), spec())
    assert [(g.name, g.units, g.layers) for g in plan.groups] == [
        ("stem", 4, ("stem", "enter", "leave", "head")),
        ("enter", 6, ("enter", "leave")),
    ]
    assert plan.macs((3, 5)) == 64 * (3 * 3 + 3 * 5 + 5 * 3) + 3 * 2


def test_groups_of_a_convolution_by_hand() -> None:
    plan = build_plan(Grouped(), spec())
    assert [(g.name, g.units) for g in plan.groups] == [("first[groups]", 4), ("first", 2), ("grouped", 3)]
    groups, inside, outside = 3, 1, 2
    width = groups * outside
    expected = 64 * (3 * groups * inside + 9 * inside * width + 9 * width + width * 2)
    assert plan.macs((groups, inside, outside)) == expected


def test_concatenation_and_halves_by_hand() -> None:
    plan = build_plan(Branches(), spec())
    assert [(g.name, g.units) for g in plan.groups] == [("left", 5), ("right", 3)]
    left, half = 4, 2
    joined = left + 3 * half
    assert plan.macs((left, half)) == 64 * 3 * (left + 2 * half) + joined * 64 + joined * 4 * 2


class _Module(nn.Module):
    """Conv 3→8, then the operation under test, then a mean over pixels."""

    def __init__(self, operation: Callable[[Any, torch.Tensor], torch.Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 1)
        self.operation = operation
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.operation(self, self.conv(x)).mean((2, 3)) if x.dim() == 4 else x


def _attend(x: torch.Tensor) -> torch.Tensor:
    tokens = x.flatten(2).transpose(1, 2)
    return ((tokens @ tokens.transpose(1, 2)).softmax(-1) @ tokens).transpose(1, 2).unflatten(2, (8, 8))


def _attend_fused(x: torch.Tensor) -> torch.Tensor:
    tokens = x.flatten(2).transpose(1, 2)
    return F.scaled_dot_product_attention(tokens, tokens, tokens).transpose(1, 2).unflatten(2, (8, 8))


def _attend_whole(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    tokens = x.flatten(2).transpose(1, 2)
    return layer(tokens, tokens, tokens, need_weights=False)[0].transpose(1, 2).unflatten(2, (8, 8))


OPERATIONS: dict[str, _Module] = {
    "batch norm": _Module(lambda m, x: m.layer(x), layer=nn.BatchNorm2d(8)),
    "batch norm without weights": _Module(lambda m, x: m.layer(x), layer=nn.BatchNorm2d(8, affine=False)),
    "instance norm": _Module(lambda m, x: m.layer(x), layer=nn.InstanceNorm2d(8, affine=True)),
    "group norm": _Module(lambda m, x: m.layer(x), layer=nn.GroupNorm(1, 8)),
    "group norm of two": _Module(lambda m, x: m.layer(x), layer=nn.GroupNorm(2, 8)),
    "layer norm": _Module(lambda m, x: m.layer(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), layer=nn.LayerNorm(8)),
    "layer norm without weights": _Module(
        lambda m, x: F.layer_norm(x.permute(0, 2, 3, 1), (x.shape[1],)).permute(0, 3, 1, 2)
    ),
    "transposed convolution": _Module(lambda m, x: m.layer(x), layer=nn.ConvTranspose2d(8, 4, 3, stride=2)),
    "adaptive pool": _Module(lambda m, x: F.adaptive_avg_pool2d(x, 4)),
    "other pools": _Module(lambda m, x: F.avg_pool2d(F.max_pool2d(x, 2), 2)),
    "nearest": _Module(lambda m, x: F.interpolate(x, scale_factor=2)),
    "bilinear": _Module(lambda m, x: F.interpolate(x, scale_factor=2, mode="bilinear")),
    "linear on rows": _Module(lambda m, x: m.layer(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), layer=nn.Linear(8, 4)),
    "fused attention": _Module(lambda m, x: _attend_fused(m.layer(x)), layer=nn.Conv2d(8, 4, 1)),
    "attention layer of torch": _Module(
        lambda m, x: _attend_whole(m.layer, x), layer=nn.MultiheadAttention(8, 2, batch_first=True)
    ),
    "products": _Module(lambda m, x: _attend(x)),
    "einsum": _Module(
        lambda m, x: torch.einsum("nij,njp->nip", x.flatten(2).transpose(1, 2), x.flatten(2)).unflatten(1, (8, 8))
    ),
    "prelu": _Module(lambda m, x: m.layer(x), layer=nn.PReLU(8)),
    "pad": _Module(lambda m, x: F.pad(x, (1, 1, 2, 0))),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_costs_what_fvcore_says(name: str) -> None:
    """The model's outputs are fixed, so a head that can be cut is appended: `prove` then slices and counts again."""
    operation = OPERATIONS[name]
    width = operation(torch.zeros(1, 3, 8, 8)).shape[1]
    model = nn.Sequential(operation, nn.Linear(width, 6), nn.Linear(6, 2)).eval()
    try:
        plan = build_plan(model, spec())
    except PruningError as error:
        pytest.fail(str(error))
    assert plan.baseline_macs == count_macs(model, (3, 8, 8))
    assert "fvcore on 2 random prunings" in plan.proof


def test_the_counter_puts_mode_and_attention_back(vit: nn.Module) -> None:
    numbers = vars(vit.get_submodule("blocks.0.attn"))
    numbers["fused_attn"] = True
    vit.train()
    count_macs(vit, (3, 32, 32))
    assert numbers["fused_attn"] is True
    assert vit.training
    vit.eval()


def test_what_a_model_returns_does_not_change_its_count() -> None:
    """The tracer of fvcore itself does not accept dataclasses."""
    told = Told()
    assert count_macs(told, (1, 32, 32)) == count_macs(Multi(), (1, 32, 32))
    assert type(told(torch.zeros(1, 1, 32, 32))).__name__ == "Answer"
