"""Tests of the MACs of each stage, whole and cut, against fvcore's counts of the sliced model."""

import random

import pytest

from pruning.counter import macs_by_module
from pruning.errors import AllocationError
from pruning.plan import Plan
from pruning.proof import random_selection
from pruning.slicing import slice_model
from pruning.stages import macs_by_stage, stage_of


@pytest.mark.parametrize(
    ("layer", "stage"),
    [
        ("layer1.0.conv1", "layer1"), ("stages.2.blocks.1.mlp.fc1", "stages.2"), ("conv1", "conv1"),
        ("features.denseblock1.denselayer1.conv1", "features.denseblock1"), ("head.fc", "head"), ("", "(top)"),
        ("blocks.3.attn.qkv[heads]", "blocks.3"), ("first[groups]", "first"),
    ],
)  # fmt: skip
def test_layers_and_groups_belong_to_stages(layer: str, stage: str) -> None:
    assert stage_of(layer) == stage


def test_stages_add_up(resnet_plan: Plan) -> None:
    stages = macs_by_stage(resnet_plan)
    assert [stage.name for stage in stages] == [
        "conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "global_pool", "fc",
    ]  # fmt: skip
    assert sum(stage.macs for stage in stages) == resnet_plan.baseline_macs


@pytest.mark.parametrize("name", ["resnet", "vit"])
def test_each_stage_of_a_sliced_model_costs_what_fvcore_counts(name: str, request: pytest.FixtureRequest) -> None:
    model, plan = request.getfixturevalue(name), request.getfixturevalue(f"{name}_plan")
    rng = random.Random(2)
    for _ in range(5):
        selection = random_selection(plan, rng)
        kept = [len(units) for units in selection]
        counted = macs_by_module(slice_model(model, plan, selection), plan.spec.input_size)
        stages = macs_by_stage(plan, kept)
        assert {stage.name: stage.macs for stage in stages} == {stage.name: counted[stage.name] for stage in stages}
        assert sum(stage.macs for stage in stages) == plan.macs(kept) == counted[""]


def test_an_allocation_that_does_not_fit_is_refused(resnet_plan: Plan) -> None:
    with pytest.raises(AllocationError):
        macs_by_stage(resnet_plan, (1,))
