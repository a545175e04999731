"""Tests of allocation: ratios per set become units per group."""

import pytest
import torch

from pruning.allocation import allocate
from pruning.errors import AllocationError
from pruning.plan import Plan


def test_without_scores_each_group_keeps_the_share_of_its_set(resnet_plan: Plan) -> None:
    ratios = [0.5] * len(resnet_plan.sets)
    ratios[0] = 0.01
    kept = allocate(resnet_plan, ratios)
    assert kept[:3] == (1, 1, 8)
    assert kept[-1] == 64


def test_with_scores_a_set_is_ranked_together(resnet_plan: Plan) -> None:
    """Two groups of 64: the first has one important unit and 63 unimportant ones, the second has equal ones."""
    scores = tuple(torch.ones(g.units) for g in resnet_plan.groups)
    alike = next(s for s in resnet_plan.sets if s.units == 64 and len(s.groups) == 2)
    first, second = alike.groups
    scores[first][1:] = 0.01
    kept = allocate(resnet_plan, [0.5] * len(resnet_plan.sets), scores=scores)
    assert (kept[first], kept[second]) == (1, 63)


def test_every_group_keeps_its_best_unit(resnet_plan: Plan) -> None:
    scores = tuple(torch.rand(g.units) for g in resnet_plan.groups)
    assert min(allocate(resnet_plan, [0.001] * len(resnet_plan.sets), scores=scores)) == 1


def test_the_scale_of_weights_in_a_layer_does_not_matter(resnet_plan: Plan) -> None:
    generator = torch.Generator().manual_seed(0)
    scores = tuple(torch.rand(g.units, generator=generator) for g in resnet_plan.groups)
    scaled = tuple(score * 2.0**i for i, score in enumerate(scores))
    ratios = [0.4] * len(resnet_plan.sets)
    assert allocate(resnet_plan, ratios, scores=scores) == allocate(resnet_plan, ratios, scores=scaled)


@pytest.mark.parametrize("ratios", [[0.5], [0.0] * 9, [1.1] * 9, [float("nan")] * 9])
def test_ratios_that_fit_nothing_are_refused(resnet_plan: Plan, ratios: list[float]) -> None:
    with pytest.raises(AllocationError):
        allocate(resnet_plan, ratios)
