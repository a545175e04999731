"""Tests of plans of small networks: their groups, their sets, and exact costs after a cut."""

import pickle
import random

import pytest
import torch
from torch import nn

from pruning.counter import count_macs
from pruning.errors import AllocationError
from pruning.models import ModelSpec
from pruning.plan import GroupKind, Plan
from pruning.planning import build_plan
from pruning.proof import random_selection
from pruning.slicing import slice_model


def test_groups_of_the_small_resnet(resnet_plan: Plan) -> None:
    assert [(g.name, g.units) for g in resnet_plan.groups] == [
        ("conv1.0", 8), ("conv1.3", 8), ("conv1.6", 16),
        ("layer1.0.conv1", 16), ("layer1.1.conv1", 16),
        ("layer2.0.conv1", 32), ("layer2.0.conv2", 32), ("layer2.1.conv1", 32),
        ("layer3.0.conv1", 64), ("layer3.0.conv2", 64), ("layer3.1.conv1", 64),
        ("layer4.0.conv1", 128), ("layer4.0.conv2", 128), ("layer4.1.conv1", 128),
    ]  # fmt: skip
    assert {g.kind for g in resnet_plan.groups} == {GroupKind.CHANNELS}


def test_sets_hold_groups_of_one_shape(resnet_plan: Plan) -> None:
    named = {tuple(resnet_plan.groups[g].name for g in s.groups) for s in resnet_plan.sets}
    assert ("layer3.0.conv1", "layer3.1.conv1") in named
    assert ("layer3.0.conv2",) in named
    for alike in resnet_plan.sets:
        assert {resnet_plan.groups[g].units for g in alike.groups} == {alike.units}
        assert {resnet_plan.groups[g].set_index for g in alike.groups} == {alike.index}


def test_groups_of_the_small_transformer(vit_plan: Plan) -> None:
    assert vit_plan.groups[0].name == "patch_embed.proj"
    first = {g.name: (g.units, g.kind) for g in vit_plan.groups if g.name.startswith("blocks.0")}
    assert first == {
        "blocks.0.attn.qkv[heads]": (4, GroupKind.HEADS),
        "blocks.0.attn.qkv[dims]": (16, GroupKind.HEAD_DIMS),
        "blocks.0.mlp.fc1": (256, GroupKind.NEURONS),
    }
    assert len(vit_plan.sets) == 4


@pytest.mark.parametrize("name", ["resnet", "vit"])
def test_prices_what_a_sliced_model_costs(name: str, request: pytest.FixtureRequest) -> None:
    model, plan = request.getfixturevalue(name), request.getfixturevalue(f"{name}_plan")
    rng = random.Random(1)
    for _ in range(5):
        selection = random_selection(plan, rng)
        kept = [len(units) for units in selection]
        pruned = slice_model(model, plan, selection)
        assert plan.macs(kept) == count_macs(pruned, plan.spec.input_size)
        assert plan.params(kept) == sum(p.numel() for p in pruned.parameters())


def test_layer_costs_add_up_to_the_baseline(vit_plan: Plan) -> None:
    assert sum(cost.macs for cost in vit_plan.layer_costs) == vit_plan.baseline_macs == vit_plan.macs(vit_plan.full())


def test_resnet50_has_the_published_counts(resnet50_plan: Plan) -> None:
    assert resnet50_plan.baseline_macs == 4_111_512_576
    assert resnet50_plan.variant_macs(resnet50_plan.full()) == 4_089_184_256
    assert resnet50_plan.baseline_params == 25_557_032


def test_a_plan_travels_by_pickle_and_holds_no_weights(resnet50_plan: Plan) -> None:
    data = pickle.dumps(resnet50_plan)
    assert len(data) < 200_000
    assert pickle.loads(data).macs(resnet50_plan.full()) == resnet50_plan.baseline_macs  # noqa: S301 - our own bytes


@pytest.mark.parametrize("kept", [(1,), (0,) * 14, (8, 8, 17, *[16] * 11), (1.5,) * 14])
def test_counts_that_do_not_fit_are_refused(resnet_plan: Plan, kept: tuple[float, ...]) -> None:
    with pytest.raises(AllocationError):
        resnet_plan.check(kept)  # type: ignore[arg-type]


def test_the_floor_keeps_one_step_in_each_group(resnet_plan: Plan, vit_plan: Plan) -> None:
    assert resnet_plan.floor() == (1,) * 14
    assert resnet_plan.floor(16) == (8, 8, *[16] * 12)
    heads = [g.index for g in vit_plan.groups if g.kind is GroupKind.HEADS]
    assert {vit_plan.floor(8)[g] for g in heads} == {1}, "heads are not a width that hardware rounds"


def test_an_unused_layer_keeps_its_parameters() -> None:
    conv = nn.Conv2d(3, 4, 1)
    conv.register_parameter("unused", nn.Parameter(torch.zeros(7)))
    model = nn.Sequential(conv, nn.Flatten(), nn.Linear(4 * 64, 2))

    plan = build_plan(model, ModelSpec("toy", 2, (3, 8, 8)))
    assert plan.params((1,)) == 3 + 1 + 7 + 64 * 2 + 2
