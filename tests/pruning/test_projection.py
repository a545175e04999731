"""Projection: never over, as close below as single units allow, never far from what was asked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pruning.errors import AllocationError, InfeasibleTargetError
from pruning.plan import Plan
from pruning.projection import REACH, Projection, project

ratios = st.lists(st.floats(0.05, 1), min_size=37, max_size=37)


def proposal(plan: Plan, shares: list[float]) -> tuple[int, ...]:
    return tuple(max(1, round(share * g.units)) for share, g in zip(shares, plan.groups, strict=False))


def rungs(plan: Plan, allocation: tuple[int, ...], round_to: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.array([-(-count // step) for count, step in zip(allocation, plan.steps(round_to), strict=True)])


def check(plan: Plan, result: Projection, target: int, round_to: int) -> None:
    assert result.macs == plan.macs(result.allocation) <= target
    assert plan.macs(result.scaled) <= target
    moved = np.abs(rungs(plan, result.allocation, round_to) - rungs(plan, result.scaled, round_to))
    assert moved.max() <= REACH
    for count, group, step in zip(result.allocation, plan.groups, plan.steps(round_to), strict=True):
        assert count == group.units or (count % step == 0 and count > 0)
    assert result.macs >= plan.macs(result.scaled), "repair never loses what scaling reached"


@settings(max_examples=60, deadline=None)
@given(ratios, st.floats(0.0, 0.999), st.sampled_from([1, 2, 4, 8, 16]))
def test_every_proposal_lands_under_its_target(
    resnet_plan: Plan, shares: list[float], at: float, round_to: int
) -> None:
    floor = resnet_plan.floor_macs(round_to)
    target = min(floor + int(at * (resnet_plan.baseline_macs - floor)), resnet_plan.baseline_macs - 1)
    result = project(resnet_plan, proposal(resnet_plan, shares), target, round_to=round_to)
    check(resnet_plan, result, target, round_to)


@settings(max_examples=30, deadline=None)
@given(ratios, st.floats(0.1, 0.9), st.sampled_from([1, 8, 16]))
def test_resnet50_hits_its_target(resnet50_plan: Plan, shares: list[float], at: float, round_to: int) -> None:
    target = int(at * resnet50_plan.baseline_macs)
    result = project(resnet50_plan, proposal(resnet50_plan, shares), target, round_to=round_to)
    check(resnet50_plan, result, target, round_to)
    if round_to == 1:
        assert result.macs >= 0.995 * target


@settings(max_examples=30, deadline=None)
@given(ratios)
def test_the_demo_hits_a_tenth(resnet_plan: Plan, shares: list[float]) -> None:
    target = resnet_plan.baseline_macs // 10
    result = project(resnet_plan, proposal(resnet_plan, shares), target)
    assert 0.995 * target <= result.macs <= target


def test_attention_hits_its_target(vit_plan: Plan) -> None:
    for share in (0.7, 0.5, 0.3, 0.15):
        target = int(share * vit_plan.baseline_macs)
        result = project(vit_plan, vit_plan.full(), target)
        check(vit_plan, result, target, 1)
        assert result.macs >= 0.995 * target


def test_a_proposal_on_target_comes_back_as_it_was(resnet50_plan: Plan) -> None:
    asked = tuple(g.units // 2 for g in resnet50_plan.groups)
    result = project(resnet50_plan, asked, resnet50_plan.macs(asked))
    assert result.allocation == result.scaled == result.requested == asked


def test_a_proposal_above_target_shrinks_and_one_below_grows(resnet_plan: Plan) -> None:
    target = resnet_plan.baseline_macs // 3
    large = project(resnet_plan, resnet_plan.full(), target)
    small = project(resnet_plan, resnet_plan.floor(), target)
    assert large.requested_macs == resnet_plan.baseline_macs
    assert small.requested_macs == resnet_plan.floor_macs()
    assert all(a <= b for a, b in zip(large.allocation, large.requested, strict=True))
    assert small.macs > small.requested_macs


def test_scaling_keeps_the_shape_of_the_proposal(resnet50_plan: Plan) -> None:
    asked = tuple(g.units if i % 2 else g.units // 4 for i, g in enumerate(resnet50_plan.groups))
    result = project(resnet50_plan, asked, resnet50_plan.macs(asked) // 2)
    kept = [a / b for a, b in zip(result.scaled, asked, strict=True)]
    assert max(kept) - min(kept) < 0.1


def test_the_scaled_proposal_is_the_largest_that_fits(resnet50_plan: Plan) -> None:
    """One part in a thousand more of every group, and it would be over."""
    target = resnet50_plan.baseline_macs // 2
    result = project(resnet50_plan, resnet50_plan.full(), target)
    share = result.scaled[-1] / resnet50_plan.groups[-1].units
    more = [round((share + 0.002) * g.units) for g in resnet50_plan.groups]
    assert resnet50_plan.macs(more) > target


def test_repair_spends_what_scaling_leaves(resnet_plan: Plan) -> None:
    target = resnet_plan.baseline_macs // 5
    result = project(resnet_plan, resnet_plan.full(), target)
    left, before = target - result.macs, target - resnet_plan.macs(result.scaled)
    assert left < 0.002 * target < before


def test_the_same_proposal_gives_the_same_projection(resnet_plan: Plan) -> None:
    target = resnet_plan.baseline_macs // 7
    assert project(resnet_plan, resnet_plan.full(), target) == project(resnet_plan, resnet_plan.full(), target)


@pytest.mark.parametrize("share", [0.0, 1.0, 1.5])
def test_targets_out_of_reach_say_what_is_in_reach(resnet_plan: Plan, share: float) -> None:
    target = int(share * resnet_plan.baseline_macs)
    with pytest.raises(InfeasibleTargetError, match="from 12,262 up to, but not including, its own 2,658,432"):
        project(resnet_plan, resnet_plan.full(), target)


def test_the_floor_itself_can_be_reached(resnet_plan: Plan) -> None:
    floor = resnet_plan.floor_macs()
    assert project(resnet_plan, resnet_plan.full(), floor).allocation == resnet_plan.floor()


def test_rounding_must_be_positive(resnet_plan: Plan) -> None:
    with pytest.raises(AllocationError, match="multiples of 0"):
        project(resnet_plan, resnet_plan.full(), resnet_plan.baseline_macs // 2, round_to=0)
