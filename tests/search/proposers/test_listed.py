"""The arms with a fixed list of proposals: uniform, isomorphic, knapsack, grid."""

import dataclasses
from itertools import product

import pytest
import torch

from pruning.allocation import allocate
from pruning.plan import Plan
from search.proposers.base import Proposer, uniform_start
from search.proposers.grid import GridProposer, lattice
from search.proposers.isomorphic import IsomorphicProposer
from search.proposers.knapsack import EXPONENTS, KnapsackProposer, Worth, shares_by_set
from search.proposers.uniform import UniformProposer
from search.space.history import History
from search.space.search_space import SearchSpace
from search.space.strategy import Proposal
from tests.search import support
from tests.search.proposers.contract import ProposerContract

NOTHING = History(1)


def asked(proposer: Proposer, ticket: int) -> Proposal:
    proposal = proposer.propose(ticket, NOTHING)
    assert proposal is not None
    return proposal


class TestUniform(ProposerContract):
    different = 1

    def make(self, space: SearchSpace) -> Proposer:
        return UniformProposer(space)

    def test_it_is_the_common_start_by_another_criterion(self) -> None:
        space = support.space()
        proposal, start = asked(UniformProposer(space), 1), uniform_start(space)
        assert proposal.strategy.ratios == start.strategy.ratios
        assert (start.strategy.importance, proposal.strategy.importance) == space.criteria

    def test_with_one_criterion_the_start_was_all(self) -> None:
        arm = UniformProposer(dataclasses.replace(support.space(), criteria=("l2",)))
        assert arm.propose(1, NOTHING) is None
        assert "nothing new" in (arm.problem() or "")


class TestIsomorphic(ProposerContract):
    different = 6

    def make(self, space: SearchSpace) -> Proposer:
        return IsomorphicProposer(space)

    def test_every_set_keeps_the_same_share_and_the_largest_on_budget(self) -> None:
        space, plan = support.space(0.3), support.plan()
        proposal = asked(IsomorphicProposer(space), 1)
        assert proposal.allocation is not None
        kept = shares_by_set(plan, proposal.allocation)
        ratio = proposal.strategy.ratios[0]
        assert set(proposal.strategy.ratios) == {ratio}
        for share, alike in zip(kept, plan.sets, strict=True):
            assert abs(share - ratio) <= 1 / alike.units + 1e-4
        assert plan.macs(proposal.allocation) <= space.budget.target_macs
        more = allocate(plan, [ratio + 2e-3] * len(plan.sets), scores=space.scores["l2"])
        assert plan.macs(more) > space.budget.target_macs

    def test_groups_of_one_set_may_differ(self) -> None:
        plan = support.plan()
        allocation = asked(IsomorphicProposer(support.space(0.3)), 1).allocation
        assert allocation is not None
        shared = [alike for alike in plan.sets if len(alike.groups) > 1]
        assert any(len({allocation[group] for group in alike.groups}) > 1 for alike in shared)

    def test_dividing_by_the_mean_is_what_joint_ranking_does(self) -> None:
        space, plan = support.space(0.3), support.plan()
        proposal = asked(IsomorphicProposer(space), 1)
        near = allocate(plan, proposal.strategy.ratios, scores=space.scores["l2"])
        assert proposal.allocation is not None
        assert sum(abs(a - b) for a, b in zip(near, proposal.allocation, strict=True)) <= 2


class TestKnapsack(ProposerContract):
    different = 2 * len(Worth) * len(EXPONENTS)

    def make(self, space: SearchSpace) -> Proposer:
        return KnapsackProposer(space)

    def test_it_ends_one_step_under_the_budget(self) -> None:
        """Giving any group its last step back costs more than is left, by the plan's own count."""
        space, plan = support.space(0.3), support.plan()
        allocation = asked(KnapsackProposer(space), 1).allocation
        assert allocation is not None
        assert plan.macs(allocation) <= space.budget.target_macs
        back = [
            plan.macs([kept + (place == group) for place, kept in enumerate(allocation)])
            for group, limit in enumerate(plan.full())
            if allocation[group] < limit
        ]
        assert max(back) > space.budget.target_macs

    def test_the_first_step_is_the_least_loss_for_a_mac(self) -> None:
        """Worked by hand: of all single units, the one whose share of its layers is least for the MACs it saves."""
        plan, space = support.plan(), support.space()
        worth = list(product(EXPONENTS, Worth, space.criteria)).index((1.0, Worth.SHARE, "l2"))
        nearly = dataclasses.replace(space.budget, target_macs=plan.baseline_macs - 1)
        arm = KnapsackProposer(dataclasses.replace(space, budget=nearly))
        allocation = arm.nth(worth).allocation
        scores = space.scores["l2"]
        rates = [self._rate(plan, group, scores[group]) for group in range(len(plan.groups))]
        expected = list(plan.full())
        expected[rates.index(min(rates))] -= 1
        assert allocation == tuple(expected)

    @pytest.mark.parametrize("round_to", [4, 8])
    def test_it_keeps_multiples(self, round_to: int) -> None:
        allocation = asked(KnapsackProposer(support.space(0.4, round_to=round_to)), 1).allocation
        assert allocation is not None
        assert all(
            kept % round_to == 0 or kept == units for kept, units in zip(allocation, support.plan().full(), strict=True)
        )

    def test_it_is_the_same_for_scores_of_another_size(self) -> None:
        """A layer with larger weights is not a more important layer: only the ratio to its group counts."""
        space = support.space()
        larger = {name: tuple(score * (2.0 + i) for i, score in enumerate(s)) for name, s in space.scores.items()}
        scaled = dataclasses.replace(space, scores=larger)
        for ticket in (1, 3, 5):
            assert asked(KnapsackProposer(space), ticket) == asked(KnapsackProposer(scaled), ticket)
        assert asked(KnapsackProposer(space), 7) != asked(KnapsackProposer(scaled), 7)

    def _rate(self, plan: Plan, group: int, scores: torch.Tensor) -> float:
        fewer = [units - (place == group) for place, units in enumerate(plan.full())]
        lost = len(plan.groups[group].layers) * float(scores.double().min() / scores.double().sum())
        return lost / (plan.baseline_macs - plan.macs(fewer))


class TestGrid(ProposerContract):
    def make(self, space: SearchSpace) -> Proposer:
        return GridProposer(space)

    def test_each_direction_alone_comes_first(self) -> None:
        arm = GridProposer(support.space())
        firsts = [asked(arm, ticket).rationale for ticket in range(1, 7)]
        assert all("," not in why for why in firsts)
        assert "," in asked(arm, 7).rationale

    def test_no_point_comes_twice_and_the_steps_halve(self) -> None:
        points = lattice(2, 3)
        assert len(points) == len(set(points)) == 9 * 9 - 1
        assert {abs(tick) for point in points[:8] for tick in point} == {0, 4}
        assert {abs(tick) for point in points[:24] for tick in point} == {0, 2, 4}
        assert lattice(0, 3) == ()
