"""The classical arms that learn: rules, random, TPE, CMA-ES."""

import dataclasses
from collections.abc import Callable

from pruning.projection import project
from search.proposers.base import Proposer, uniform_start
from search.proposers.cmaes import CMAESProposer
from search.proposers.knapsack import Worth, greedy
from search.proposers.random import RandomProposer
from search.proposers.rules import RulesProposer
from search.proposers.tpe import TPEProposer
from search.space.history import History
from search.space.results import TrialResult
from search.space.search_space import SearchSpace
from search.space.strategy import Proposal
from tests.search import support
from tests.search.proposers.contract import ProposerContract
from tracking.kinds import TrialState


class TestRules(ProposerContract):
    def make(self, space: SearchSpace) -> Proposer:
        return RulesProposer(space)

    def test_it_begins_with_what_loses_least_by_each_criterion(self) -> None:
        space = support.space()
        made = [RulesProposer(space).propose(ticket, History(1)) for ticket in (1, 2)]
        assert [proposal.allocation for proposal in made] == [
            tuple(project(space.plan, greedy(space, name, Worth.SHARE), space.budget.target_macs).allocation)
            for name in ("l2", "l1")
        ]

    def test_it_asks_for_what_is_on_the_budget(self) -> None:
        space = support.space(round_to=4)
        history = self._history(12, window=2, ended=range(12))
        for ticket in range(1, 24):
            allocation = RulesProposer(space).propose(ticket, history).allocation
            assert allocation is not None
            assert space.budget.holds(space.plan.macs(allocation))

    def test_it_refines_the_best_trial_that_it_may_read(self) -> None:
        history = History(window=1)
        for trial, accuracy in enumerate([0.2, 0.9, 0.3]):
            history.add(support.spec(trial, ratio=0.2 + 0.1 * trial))
            history.end(TrialResult(trial, TrialState.COMPLETED, (accuracy,)))
        proposal = RulesProposer(support.space()).propose(20, history)
        assert proposal.rationale.startswith("trial 1 with")

    def test_steps_halve_with_each_round(self) -> None:
        history = support.history([[0.5]])
        steps = {
            RulesProposer(support.space()).propose(ticket, history).rationale.split("(")[1] for ticket in (6, 12, 18)
        }
        assert steps == {"+0.250)", "+0.125)", "+0.062)"}


class TestRandom(ProposerContract):
    def make(self, space: SearchSpace) -> Proposer:
        return RandomProposer(space)

    def test_another_seed_gives_other_proposals(self) -> None:
        history = History(window=1)
        first = RandomProposer(support.space(seed=1)).propose(1, history)
        assert first != RandomProposer(support.space(seed=2)).propose(1, history)


class TestTPE(ProposerContract):
    def make(self, space: SearchSpace) -> Proposer:
        return TPEProposer(space)

    def test_it_learns(self) -> None:
        assert learned(TPEProposer(support.space(seed=5)), self._add) > 0.7


class TestCMAES(ProposerContract):
    def make(self, space: SearchSpace) -> Proposer:
        return CMAESProposer(space)

    def test_it_learns(self) -> None:
        space = support.space(seed=5)
        start = uniform_start(space).strategy.ratios[0]
        assert learned(CMAESProposer(space), self._add) > 1.5 * start

    def test_one_set_is_enough(self) -> None:
        space = support.space()
        profile = dataclasses.replace(space.profile, sets=space.profile.sets[:1])
        proposal = CMAESProposer(dataclasses.replace(space, profile=profile)).propose(1, History(1))
        assert len(proposal.strategy.ratios) == 1


def learned(proposer: Proposer, add: Callable[[History, Proposal], None]) -> float:
    """Mean ratio of the first set in the last 15 of 40 proposals, when that ratio is the accuracy."""
    history, kept = History(window=1), []
    for ticket in range(1, 41):
        proposal = proposer.propose(ticket, history)
        assert proposal is not None
        kept.append(proposal.strategy.ratios[0])
        add(history, proposal)
        history.end(TrialResult(ticket - 1, TrialState.COMPLETED, (proposal.strategy.ratios[0],)))
    return sum(kept[-15:]) / 15


def test_the_start_of_all_arms_is_uniform() -> None:
    space = support.space(0.1)
    start = uniform_start(space)
    assert start.proposer == "start"
    assert len(set(start.strategy.ratios)) == 1
    assert start.strategy.ratios[0] ** 2 * space.profile.baseline_macs < 1.01 * space.budget.target_macs
