"""The default arm: constructions that are known to be strong, then steps around the best trial, group by group."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product

from pruning.allocation import allocate
from pruning.importance.registry import importance
from pruning.plan import Allocation
from pruning.projection import project
from search.arms import ArmName
from search.proposers.base import Proposer
from search.proposers.knapsack import Worth, greedy, shares_by_set
from search.space.history import History, TrialSpec, best_of
from search.space.search_space import SearchSpace
from search.space.strategy import Proposal, Strategy, clip_ratios
from tracking.kinds import Course

TILT = 0.5
"""The first tilt, in log keep ratio at the end of a feature: exp(0.5) keeps 1.65 times the uniform share there."""

ROUNDS = 3
"""Rounds of steps around the best trial: a fourth would move small groups by less than a unit."""
PRIMES = (2, 3, 5, 7)
WIDER = 3
"""How much longer steps become on the course `widen`."""

_Idea = Callable[[], tuple[Allocation, str, str]]
"""Makes an allocation, with the criterion that ranks its units and the rationale."""


class RulesProposer(Proposer):
    """First what is known to work, then a coordinate search around the best of it.

    The first proposals remove the units with the least loss by each criterion (`search.proposers.knapsack`), and tilt
    the uniform share along each direction of the profile: towards sensitive, early, costly and coupled sets. Then the
    best readable trial is moved along one direction at a time, each group from what it keeps there, by steps that
    halve with every round. After the last round, proposals are scattered over the whole space. Every request is put on
    the budget before it is proposed.
    """

    name = ArmName.RULES.value
    reads_sensitivity = True
    steerable = True

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space)
        self._features = {name: values for name, values in space.profile.features() if any(values)}
        self._criterion = next((name for name in space.criteria if importance(name).estimates_loss), space.criteria[0])
        self._moves = tuple(product(self._features, (1, -1)))
        self._ideas: tuple[_Idea, ...] = (
            *(partial(self._least_loss, criterion) for criterion in space.criteria),
            *(partial(self._tilted, name) for name in self._features),
        )

    def propose(self, ticket: int, history: History) -> Proposal:
        """A construction while there are any, then a step around the best trial, then a scattered point."""
        if ticket <= len(self._ideas):
            allocation, criterion, why = self._ideas[ticket - 1]()
            return self._proposal(allocation, criterion, why)
        best, move = best_of(history.readable()), ticket - len(self._ideas) - 1
        if best is None or self.course is Course.EXPLORE or move >= ROUNDS * len(self._moves):
            return self._scattered(ticket)
        return self._around(best[0], move)

    def _least_loss(self, criterion: str) -> tuple[Allocation, str, str]:
        worth = Worth.SCORE if importance(criterion).estimates_loss else Worth.SHARE
        return greedy(self.space, criterion, worth), criterion, f"least loss of {criterion} per MAC"

    def _tilted(self, feature: str) -> tuple[Allocation, str, str]:
        sign = -1 if feature == "depth" else 1
        side = "more" if sign > 0 else "less"
        return self._by_ratios({feature: sign * TILT}), self._criterion, f"keep {side} where {feature} is high"

    def _around(self, best: TrialSpec, move: int) -> Proposal:
        round_number, place = divmod(move, len(self._moves))
        name, sign = self._moves[place]
        step = sign * TILT / 2 ** (round_number + 1) * (WIDER if self.course is Course.WIDEN else 1)
        values, groups = self._features[name], self.space.plan.groups
        moved = [
            min(group.units, max(1, round(kept * math.exp(step * values[group.set_index]))))
            for kept, group in zip(best.allocation, groups, strict=True)
        ]
        why = f"trial {best.trial} with {'more' if sign > 0 else 'less'} where {name} is high ({step:+.3f})"
        return self._proposal(moved, best.proposal.strategy.importance, why)

    def _scattered(self, ticket: int) -> Proposal:
        """A point elsewhere: there is nothing to refine, the rounds are over, or the course is `explore`.

        It is a point of the Kronecker sequence of square roots over the features, which fills the space evenly and
        never repeats a point.
        """
        weights = {
            name: 2 * TILT * (2 * (ticket * math.sqrt(prime) % 1) - 1)
            for name, prime in zip(self._features, PRIMES, strict=False)
        }
        named = ", ".join(f"{name} {weight:+.2f}" for name, weight in weights.items())
        return self._proposal(self._by_ratios(weights), self._criterion, f"elsewhere: tilted by {named}")

    def _by_ratios(self, weights: Mapping[str, float]) -> Allocation:
        """The uniform share, times a factor per set that is log-linear in the set's features."""
        uniform = (self.space.budget.target_macs / self.space.profile.baseline_macs) ** 0.5
        ratios = [
            uniform * math.exp(sum(weight * self._features[name][entry.index] for name, weight in weights.items()))
            for entry in self.space.profile.sets
        ]
        return allocate(self.space.plan, clip_ratios(ratios))

    def _proposal(self, allocation: Sequence[int], criterion: str, why: str) -> Proposal:
        space = self.space
        fitted = project(space.plan, allocation, space.budget.target_macs, round_to=space.round_to).allocation
        strategy = Strategy(shares_by_set(space.plan, fitted), criterion, space.round_to)
        return Proposal(strategy, self.name, why, tuple(fitted))
