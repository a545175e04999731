"""Tests of settling: plans cut only what sliced models can follow (numbers in code, outputs, the training pass)."""

import random
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import nn

from pruning.errors import UnsupportedModelError
from pruning.following import shadow_of
from pruning.models import ModelSpec
from pruning.oracles import randomised_copy
from pruning.outputs import named_tensors
from pruning.plan import GroupKind, Plan
from pruning.planning import build_plan
from pruning.proof import random_selection
from pruning.settling import probes
from pruning.slicing import slice_model
from pruning.trace import trace
from tests.pruning import field
from tests.pruning.operations import Written

SPEC = ModelSpec("toy", 5, (3, 16, 16))


def units(plan: Plan) -> dict[str, int]:
    return {group.name: group.units for group in plan.groups}


def cut(model: nn.Module, plan: Plan, seed: int = 0) -> nn.Module:
    return slice_model(model, plan, random_selection(plan, random.Random(seed)))


@pytest.mark.parametrize(
    ("model", "groups", "held"),
    [
        (field.LiteralSlice(), {"first": 12, "second": 8}, {"first": 4}),
        (field.LiteralWrite(), {"first": 12, "second": 8}, {"first": 4}),
        (field.LastFour(), {"first": 12, "second": 8}, {"first#2": 4}),
        (field.LiteralNarrow(), {"first": 10, "second": 8}, {"first": 2, "first#2": 4}),
        (field.LiteralMask(), {"first": 12, "second": 8}, {"first": 4}),
        (field.Scaled(), {"second": 8}, {"first": 16}),
        (field.Branching(), {"second": 8}, {"first": 16}),
        (field.Margin(literal=True), {"first": 8}, {"second": 64}),
        (field.TrainsSliced(), {"first": 12, "second": 8}, {"first": 4}),
    ],
)
def test_a_number_that_does_not_follow_a_cut_holds_its_group(
    model: nn.Module, groups: Mapping[str, int], held: Mapping[str, int]
) -> None:
    plan = build_plan(model, SPEC)
    assert sorted(units(plan).values()) == sorted(groups.values())
    assert sorted(h.units for h in plan.held) == sorted(held.values())
    assert all(h.reason.startswith("in (top): aten.") or "forward" in h.reason for h in plan.held)


def test_a_bound_in_an_attribute_follows() -> None:
    model = field.AttributeSlice()
    plan = build_plan(model, SPEC)
    assert sorted(units(plan).values()) == [4, 8, 12]
    selection = ((1, 3), (0, 5, 11), tuple(range(8)))
    assert [g.units for g in plan.groups] == [4, 12, 8]
    assert vars(slice_model(model, plan, selection))["gated"] == 2


@pytest.mark.parametrize("temperature", [8, 7, 64])
def test_a_number_that_merely_equals_a_width_is_not_changed(temperature: int) -> None:
    model = field.Tuned(temperature)
    plan = build_plan(model, SPEC)
    assert [(g.units, g.kind) for g in plan.groups][1:] == [(8, GroupKind.HEADS), (8, GroupKind.HEAD_DIMS)]
    pruned = slice_model(model, plan, (tuple(range(64)), (0, 2, 5), tuple(range(8))))
    assert vars(pruned.get_submodule("attention"))["heads"] == 3
    assert vars(pruned.get_submodule("attention"))["temperature"] == temperature


def test_cutting_silenced_heads_changes_no_output() -> None:
    """If the temperature followed the heads, the softmax would differ."""
    model = randomised_copy(field.Tuned(), torch.Generator().manual_seed(0))
    plan = build_plan(model, SPEC)
    pruned = slice_model(model, plan, (tuple(range(64)), (0, 2, 5), tuple(range(8))))
    gone = torch.tensor([8 * head + dim for head in (1, 3, 4, 6, 7) for dim in range(8)])
    with torch.no_grad():
        model.get_parameter("attention.proj.weight").index_fill_(1, gone, 0)
    image = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(pruned(image), model(image), rtol=1e-10, atol=1e-10)


def test_the_scale_of_a_margin_head_is_not_changed() -> None:
    model = field.Margin()
    plan = build_plan(model, SPEC)
    assert units(plan) == {"first": 8, "second": 64}
    assert vars(cut(model, plan))["scale"] == 64


def test_a_layer_that_another_one_reads_states_its_weights_too() -> None:
    """The attention of torch never runs its output projection; it reads the weights."""
    plan = build_plan(field.Encoder(), SPEC)
    pruned = slice_model(field.Encoder(), plan, ((0, 2, 3), tuple(range(9)), tuple(range(64))))
    projection = pruned.get_submodule("encoder.layers.0.self_attn.out_proj")
    assert vars(projection)["in_features"] == projection.get_parameter("weight").shape[1] == 24


@pytest.mark.parametrize(
    ("model", "free"),
    [(field.Pyramid(), [12]), (field.PyramidDict(), [12]), (field.PyramidData(), [6, 12])],
)
def test_what_is_returned_keeps_its_shape_however_nested(model: nn.Module, free: list[int]) -> None:
    plan = build_plan(model, SPEC)
    assert [group.units for group in plan.groups] == free
    image = torch.zeros(1, *SPEC.input_size)
    shapes = [{path: t.shape for path, t in named_tensors(m.eval()(image)).items()} for m in (model, cut(model, plan))]
    assert shapes[0] == shapes[1]
    assert len(shapes[0]) == (2 if isinstance(model, field.PyramidData) else 3)


def test_an_output_that_cannot_be_searched_is_refused() -> None:
    class Hidden(field.Pyramid):
        def returned(self, logits: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> Any:
            return (tensor for tensor in (logits, a))

    with pytest.raises(UnsupportedModelError, match="generator"):
        build_plan(Hidden(), SPEC)


def test_the_training_pass_is_followed_through_a_cut() -> None:
    model = field.Auxiliary()
    plan = build_plan(model, SPEC)
    assert units(plan) == {"first": 16, "second": 8}, "a cut of the auxiliary head's own channels would save nothing"
    pruned = cut(model, plan).train()
    logits, side = pruned(torch.randn(2, *SPEC.input_size))
    assert logits.shape == side.shape == (2, 5)
    (logits.sum() + side.sum()).backward()
    assert all(parameter.grad is not None for parameter in pruned.parameters())
    assert plan.baseline_params == sum(p.numel() for p in model.parameters())


def test_a_pass_that_puts_another_tensor_in_a_buffers_place_leaves_the_model_as_it_was() -> None:
    shadow = shadow_of(Written())
    before = shadow.mean
    trace(shadow, (16, 8, 8), valued=True)
    assert shadow.mean is before


def test_randomness_in_training_is_no_disagreement() -> None:
    plan = build_plan(field.Dropping(), SPEC)
    assert units(plan) == {"first": 16, "second": 8}
    assert "both modes)" in plan.proof


def test_what_only_the_training_pass_cannot_follow_stays_whole() -> None:
    plan = build_plan(field.TrainsUnknown(), SPEC)
    assert units(plan) == {"second": 8}
    assert [(f.name, f.units) for f in plan.fixed if "no rule" in f.reason] == [("first", 16)]


def test_a_reordering_of_channels_holds_them() -> None:
    assert [g.units for g in build_plan(field.Flip(3), SPEC).groups] == [16, 8]
    assert [g.units for g in build_plan(field.Flip(1), SPEC).groups] == [8]


def test_tensors_made_without_a_device_are_followed() -> None:
    assert units(build_plan(field.Devices(), SPEC)) == {"first": 16, "second": 8}
    assert units(build_plan(field.Listed(), SPEC)) == {"second": 8}, "channels that are named by number stay"


def test_writing_into_a_tensor_made_without_a_device_is_followed_on_values() -> None:
    class Written(field.Mixed):
        def between(self, x: torch.Tensor) -> torch.Tensor:
            made = torch.zeros(x.shape)
            made.copy_(x)
            return made

    plan = build_plan(Written(), SPEC)
    assert plan.valued
    assert units(plan) == {"first": 16, "second": 8}


def test_a_plan_is_the_same_with_and_without_its_proof() -> None:
    """A checkpoint is rebuilt without a proof."""
    for model in (field.LiteralSlice(), field.Auxiliary(), field.Tuned()):
        proved, plain = build_plan(model, SPEC), build_plan(model, SPEC, verify=False)
        assert (proved.groups, proved.attributes, proved.parameters) == (
            plain.groups,
            plain.attributes,
            plain.parameters,
        )


def test_probes_cut_every_group(resnet_plan: Plan) -> None:
    for probe in probes(resnet_plan):
        assert all(len(kept) < group.units for kept, group in zip(probe, resnet_plan.groups, strict=True))


class Halves(nn.Module):
    """Halves 16 channels by its own arithmetic; the probes cut both by so nearly the same that it does not show."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 16, 3, 2, 1), nn.Conv2d(16, 32, 3, 2, 1)
        self.head = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        half = x.shape[1] // 2
        x = torch.cat([x[:, :half], x[:, half:].relu()], 1)
        return self.head(self.second(x).relu().mean((2, 3)))


def test_neighbours_that_the_probes_cut_alike_are_cut_unlike_once_more() -> None:
    plan = build_plan(Halves(), ModelSpec("toy", 10, (3, 32, 32)))
    assert [(group.name, group.units) for group in plan.groups] == [("second", 32)]
    assert [fixed.name for fixed in plan.fixed] == ["first", "first#2", "head"]
