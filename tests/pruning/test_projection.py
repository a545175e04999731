"""Tests of projection: never over the target, as close below as units allow, and near the proposal."""

from collections.abc import Mapping, Sequence
from itertools import product
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from pruning.errors import AllocationError, InfeasibleTargetError
from pruning.models import ModelSpec
from pruning.plan import Group, GroupKind, Plan
from pruning.planning import build_plan
from pruning.polynomial import Polynomial
from pruning.projection import MOST_UNSPENT, REACH, Projection, project

ratios = st.lists(st.floats(0.05, 1), min_size=37, max_size=37)


def proposal(plan: Plan, shares: list[float]) -> tuple[int, ...]:
    return tuple(max(1, round(share * g.units)) for share, g in zip(shares, plan.groups, strict=False))


def rungs(plan: Plan, allocation: tuple[int, ...], round_to: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.array([-(-count // step) for count, step in zip(allocation, plan.steps(round_to), strict=True)])


def moved(plan: Plan, result: Projection, round_to: int = 1) -> int:
    """The largest number of steps of any group from the scaled proposal."""
    return int(np.abs(rungs(plan, result.allocation, round_to) - rungs(plan, result.scaled, round_to)).max())


def one_group_away(plan: Plan, result: Projection, target: int, round_to: int) -> list[int]:
    """MACs, not over the target, of allocations one or two steps of one group away from the scaled proposal."""
    near = []
    for group, step in zip(plan.groups, plan.steps(round_to), strict=True):
        for steps in range(-REACH, REACH + 1):
            rung = -(-result.scaled[group.index] // step) + steps
            if 1 <= rung <= -(-group.units // step):
                near.append([*result.scaled])
                near[-1][group.index] = min(rung * step, group.units)
    return [macs for macs in plan.macs_many(near).tolist() if macs <= target]


def check(plan: Plan, result: Projection, target: int, round_to: int) -> None:
    assert result.macs == plan.macs(result.allocation) <= target
    assert plan.macs(result.scaled) <= target
    if moved(plan, result, round_to) > REACH:
        assert all(target - macs > MOST_UNSPENT * target for macs in one_group_away(plan, result, target, round_to))
    for count, group, step in zip(result.allocation, plan.groups, plan.steps(round_to), strict=True):
        assert count == group.units or (count % step == 0 and count > 0)
    assert result.macs >= plan.macs(result.scaled), "repair never loses what scaling reached"


@settings(max_examples=60)
@given(ratios, st.floats(0.0, 0.999), st.sampled_from([1, 2, 4, 8, 16]))
def test_every_proposal_lands_under_its_target(
    resnet_plan: Plan, shares: list[float], at: float, round_to: int
) -> None:
    floor = resnet_plan.floor_macs(round_to)
    target = min(floor + int(at * (resnet_plan.baseline_macs - floor)), resnet_plan.baseline_macs - 1)
    result = project(resnet_plan, proposal(resnet_plan, shares), target, round_to=round_to)
    check(resnet_plan, result, target, round_to)


@settings(max_examples=30)
@given(ratios, st.floats(0.1, 0.9), st.sampled_from([1, 8, 16]))
def test_resnet50_hits_its_target(resnet50_plan: Plan, shares: list[float], at: float, round_to: int) -> None:
    target = int(at * resnet50_plan.baseline_macs)
    result = project(resnet50_plan, proposal(resnet50_plan, shares), target, round_to=round_to)
    check(resnet50_plan, result, target, round_to)
    if round_to == 1:
        assert result.macs >= 0.995 * target
        assert moved(resnet50_plan, result) <= REACH


@settings(max_examples=30)
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
        assert moved(vit_plan, result) <= REACH


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
    """With 0.2 % more of every group it would be over the target."""
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


class Encoder(nn.Module):
    """Two layers of four heads and 64 neurons on sixteen patches and a class token.

    It has three groups; one head is a fifth of the network.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 8, 8)
        self.token, self.places = nn.Parameter(torch.zeros(1, 1, 32)), nn.Parameter(torch.zeros(1, 17, 32))
        layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        patches = self.stem(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), patches], 1) + self.places
        return self.head(self.encoder(tokens)[:, 0])


@pytest.fixture(scope="module")
def encoder_plan() -> Plan:
    return build_plan(Encoder(), ModelSpec("encoder", 10, (3, 32, 32)), verify=False)


@pytest.mark.parametrize("target", [370_992, 222_595])
@pytest.mark.parametrize("asked", [(4, 64, 64), (1, 1, 1), (4, 64, 1), (1, 64, 64), (2, 32, 21)])
def test_one_coarse_group_does_not_waste_the_budget(encoder_plan: Plan, asked: tuple[int, ...], target: int) -> None:
    """Within two steps of the scaled proposal the full allocation ends at 76 % and 69 % of these targets."""
    assert [group.units for group in encoder_plan.groups] == [4, 64, 64]
    result = project(encoder_plan, asked, target)
    check(encoder_plan, result, target, 1)
    assert result.macs >= 0.995 * target
    assert result == project(encoder_plan, asked, target)


def test_what_is_refilled_keeps_the_shape_of_the_proposal(encoder_plan: Plan) -> None:
    """Heads 3 of 4 with a third of each MLP, not one MLP whole and the other empty."""
    heads, *widths = project(encoder_plan, encoder_plan.full(), 222_595).allocation
    assert heads == 3
    assert max(widths) - min(widths) <= 2 * REACH


def priced(units: Sequence[int], kinds: Sequence[GroupKind], terms: Mapping[tuple[int, ...], int]) -> Plan:
    """A plan with groups and MACs only, which is all that projection uses."""
    groups = tuple(
        Group(i, f"group {i}", count, kind, i, ()) for i, (count, kind) in enumerate(zip(units, kinds, strict=True))
    )
    macs = Polynomial(terms, units)
    return Plan(
        spec=ModelSpec("priced", 10, (3, 32, 32)),
        groups=groups,
        sets=(),
        baseline_macs=macs(units),
        baseline_params=0,
        owners=(),
        parameters={},
        attributes=(),
        layer_costs=(),
        macs_polynomial=macs,
        variant_polynomial=macs,
        params_polynomial=macs,
        axes=(),
        passes=(),
        held=(),
        proof="unverified: made for a test",
    )


@st.composite
def coarse_plans(draw: st.DrawFn) -> Plan:
    """One to five groups of 1 to 64 units, any of them together in products of up to three."""
    units = draw(st.lists(st.sampled_from([1, 2, 3, 4, 16, 64]), min_size=1, max_size=5))
    kinds = [draw(st.sampled_from([GroupKind.CHANNELS, GroupKind.HEADS])) for _ in units]
    factors = st.lists(st.integers(0, len(units) - 1), min_size=1, max_size=3).map(lambda drawn: tuple(sorted(drawn)))
    terms = draw(st.dictionaries(factors, st.sampled_from([1, 9, 100, 1024, 16384]), min_size=1, max_size=8))
    return priced(units, kinds, {(): draw(st.sampled_from([1, 5000])), **terms})


def reachable(plan: Plan, round_to: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """The MACs of every allocation."""
    steps = zip(plan.full(), plan.steps(round_to), strict=True)
    counts = [[*range(step, units, step), units] for units, step in steps]
    assume(np.prod([len(each) for each in counts]) <= 20_000)
    return plan.macs_many(list(product(*counts)))


@settings(max_examples=150)
@given(coarse_plans(), st.floats(0, 1), st.randoms(use_true_random=False), st.sampled_from([1, 8, 16]))
def test_no_allocation_uses_the_budget_better(plan: Plan, at: float, rng: Random, round_to: int) -> None:
    """Compared with every allocation, for targets that some allocation meets exactly or nearly."""
    macs = reachable(plan, round_to)
    assume(macs.min() < macs.max())
    met = int(np.sort(macs)[int(at * (len(macs) - 1))])
    for target in {met, int(1.003 * met), int(macs.min() + at * (macs.max() - macs.min()))}:
        if target < plan.baseline_macs:
            asked = [rng.randint(1, group.units) for group in plan.groups]
            result = project(plan, asked, target, round_to=round_to)
            check(plan, result, target, round_to)
            assert result.macs >= 0.995 * macs[macs <= target].max()


def test_many_coarse_groups_leave_the_rest_to_the_fine_ones() -> None:
    """The MLPs use the budget that heads and dims cannot use.

    Heads and their dims in eight blocks have too many combinations to try all, and one more of either costs so much
    that the scaled proposal stops there.
    """
    kinds = [GroupKind.EMBEDDING, *[GroupKind.HEADS, GroupKind.HEAD_DIMS, GroupKind.NEURONS] * 8]
    terms: dict[tuple[int, ...], int] = {(): 1000, (0,): 37_642}
    for heads in range(1, 25, 3):
        terms |= {(0, heads, heads + 1): 200, (heads, heads + 1): 5000, (0, heads + 2): 100}
    plan = priced([16, *[4, 16, 768] * 8], kinds, terms)
    target = plan.macs([1, *[1, 1, 26] * 8])
    for asked in (plan.floor(), plan.full()):
        result = project(plan, asked, target)
        check(plan, result, target, 1)
        assert result.macs >= 0.995 * target
