"""The contract of every arm. The test class of an arm inherits it and supplies `make`."""

from typing import ClassVar

import pytest

from pruning.allocation import allocate
from pruning.projection import project
from search.proposers.base import Proposer
from search.space.history import History
from search.space.results import TrialResult
from search.space.search_space import SearchSpace
from search.space.strategy import MIN_RATIO, Proposal
from tests.search import support
from tracking.kinds import Course, TrialState


class ProposerContract:
    """The contract.

    Attributes:
        different: how many proposals a listed arm has before it says that it has no more; None for one without an end.
    """

    different: ClassVar[int | None] = None

    def make(self, space: SearchSpace) -> Proposer:
        raise NotImplementedError

    def test_a_proposal_fits_the_space(self) -> None:
        space = support.space(round_to=4)
        for proposal in self._proposals(self.make(space), 20, {}):
            strategy = proposal.strategy
            assert len(strategy.ratios) == len(space.profile.sets)
            assert all(MIN_RATIO <= ratio <= 1 for ratio in strategy.ratios)
            assert strategy.importance in space.criteria
            assert strategy.round_to == 4
            assert proposal.rationale

    def test_it_can_be_put_on_budget(self) -> None:
        space = support.space()
        plan = support.plan()
        for proposal in self._proposals(self.make(space), 8, {}):
            requested = proposal.allocation or allocate(plan, proposal.strategy.ratios)
            projected = project(plan, requested, space.budget.target_macs)
            assert 0.995 * space.budget.target_macs <= projected.macs <= space.budget.target_macs

    def test_the_same_seed_and_history_give_the_same_proposals(self) -> None:
        accuracies = {trial: 0.5 + 0.01 * (trial * 7 % 10) for trial in range(20)}
        first = self._proposals(self.make(support.space(seed=3)), 16, accuracies)
        assert first == self._proposals(self.make(support.space(seed=3)), 16, accuracies)

    @pytest.mark.parametrize("order", [(5, 6, 7), (7, 5, 6), (6, 7, 5)])
    def test_what_it_may_not_read_changes_nothing(self, order: tuple[int, ...]) -> None:
        """The next proposal is the same whether the trials within the window have ended or not."""
        space = support.space()
        history = self._history(8, window=4, ended=range(5))
        ticket = self._most(8)
        expected = self.make(space).propose(ticket, history)
        for trial in order:
            if history.result(trial) is None:
                history.end(TrialResult(trial, TrialState.COMPLETED, (0.99,)))
            assert self.make(space).propose(ticket, history) == expected

    def test_it_goes_on_after_nothing_but_failures(self) -> None:
        proposer = self.make(support.space())
        history = History(window=1)
        for ticket in range(1, self._most(20)):
            proposal = proposer.propose(ticket, history)
            assert proposal is not None
            self._add(history, proposal)
            history.end(TrialResult(len(history) - 1, TrialState.FAILED, (), "broken"))

    @pytest.mark.parametrize("course", [Course.EXPLOIT, Course.WIDEN, Course.EXPLORE])
    def test_on_every_course_it_proposes_the_same_for_the_same(self, course: Course) -> None:
        history = self._history(12, window=2, ended=range(12))
        made = []
        for _ in range(2):
            proposer = self.make(support.space())
            proposer.steer(course)
            made.append(proposer.propose(self._most(20), history))
        assert made[0] is not None
        assert made[0] == made[1]

    def test_it_listens_if_it_says_so(self) -> None:
        history, heard = self._history(12, window=2, ended=range(12)), set()
        for course in (Course.EXPLOIT, Course.WIDEN, Course.EXPLORE):
            proposer = self.make(support.space())
            proposer.steer(course)
            proposal = proposer.propose(self._most(20), history)
            assert proposal is not None
            heard.add(proposal.strategy.ratios)
        assert len(heard) == (3 if self.make(support.space()).steerable else 1)

    def test_it_has_a_name_and_no_problem(self) -> None:
        proposer = self.make(support.space())
        assert proposer.name
        assert proposer.problem() is None
        proposer.close()

    def test_an_arm_at_its_end_says_so_and_repeats_nothing(self) -> None:
        if self.different is None:
            return
        proposer = self.make(support.space())
        made = [proposer.propose(ticket, History(1)) for ticket in range(1, self.different + 1)]
        assert len(set(made)) == self.different
        assert proposer.problem() is None
        assert proposer.propose(self.different + 1, History(1)) is None
        assert "nothing new to propose" in (proposer.problem() or "")

    def _most(self, count: int) -> int:
        return count if self.different is None else min(count, self.different)

    def _proposals(self, proposer: Proposer, count: int, accuracies: dict[int, float]) -> list[Proposal]:
        history, made = History(window=2), []
        for ticket in range(1, self._most(count) + 1):
            proposal = proposer.propose(ticket, history)
            assert proposal is not None
            made.append(proposal)
            self._add(history, proposal)
            trial = len(history) - 1
            history.end(TrialResult(trial, TrialState.COMPLETED, (accuracies.get(trial, 0.5),)))
        return made

    def _history(self, count: int, *, window: int, ended: range) -> History:
        history = History(window)
        for trial in range(count):
            history.add(support.spec(trial, ratio=min(1.0, 0.1 + 0.1 * trial)))
            if trial in ended:
                history.end(TrialResult(trial, TrialState.COMPLETED, (0.1 * trial,)))
        return history

    def _add(self, history: History, proposal: Proposal) -> None:
        trial = len(history)
        spec = support.spec(trial)
        history.add(
            type(spec)(trial, proposal, spec.allocation, spec.macs, spec.params, spec.requested_macs, in_band=True)
        )
