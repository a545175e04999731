"""One architecture of each kind, at a small size: planned, proved and recounted."""

import random

import pytest

from benchmarks.zoo import MUST
from pruning.counter import count_macs
from pruning.models import ModelSpec, create_model, published_spec
from pruning.plan import GroupKind
from pruning.planning import build_plan
from pruning.proof import random_selection
from pruning.slicing import slice_model

KINDS = {
    "resnext50_32x4d": (64, {GroupKind.CHANNELS, GroupKind.CONV_GROUPS}),
    "mobilenetv3_small_100": (64, {GroupKind.CHANNELS}),
    "densenet121": (64, {GroupKind.CHANNELS}),
    "convnextv2_tiny": (64, {GroupKind.EMBEDDING, GroupKind.NEURONS}),
    "deit_tiny_distilled_patch16_224": (
        64,
        {GroupKind.EMBEDDING, GroupKind.NEURONS, GroupKind.HEADS, GroupKind.HEAD_DIMS},
    ),
    "swin_tiny_patch4_window7_224": (
        56,
        {GroupKind.EMBEDDING, GroupKind.NEURONS, GroupKind.HEADS, GroupKind.HEAD_DIMS},
    ),
    "cspresnet50": (64, {GroupKind.CHANNELS}),
    "poolformer_s12": (64, {GroupKind.CHANNELS, GroupKind.EMBEDDING}),
    "levit_128": (64, {GroupKind.CHANNELS, GroupKind.NEURONS, GroupKind.HEADS, GroupKind.HEAD_DIMS}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_family_is_planned_proved_and_recounted(name: str) -> None:
    pixels, kinds = KINDS[name]
    spec = ModelSpec(name, 10, (3, pixels, pixels))
    model = create_model(spec)
    plan = build_plan(model, spec)
    assert {group.kind for group in plan.groups} == kinds
    assert "fvcore on 2 random prunings" in plan.proof
    selection = random_selection(plan, random.Random(5))
    kept = [len(units) for units in selection]
    pruned = slice_model(model, plan, selection)
    assert plan.macs(kept) == count_macs(pruned, spec.input_size)
    assert plan.params(kept) == sum(p.numel() for p in pruned.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(MUST) - set(KINDS)))
def test_every_listed_model_costs_what_fvcore_counts(name: str) -> None:
    pixels = {"inception_v3": 96}.get(name, 64)
    spec = published_spec(name, num_classes=10, input_size=pixels)
    model = create_model(spec)
    plan = build_plan(model, spec, verify=False)
    selection = random_selection(plan, random.Random(name))
    kept = [len(units) for units in selection]
    pruned = slice_model(model, plan, selection)
    assert plan.macs(kept) == count_macs(pruned, spec.input_size)
    assert plan.params(kept) == sum(p.numel() for p in pruned.parameters())


def test_attention_has_heads_dims_widths_and_the_embedding_apart() -> None:
    spec = ModelSpec("deit_tiny_patch16_224", 10, (3, 32, 32))
    plan = build_plan(create_model(spec), spec, verify=False)
    units = {(group.kind, group.units) for group in plan.groups}
    assert units == {
        (GroupKind.EMBEDDING, 192),
        (GroupKind.HEADS, 3),
        (GroupKind.HEAD_DIMS, 64),
        (GroupKind.NEURONS, 768),
    }
