"""A deterministic classical proposer: named tilts of the uniform allocation, then steps around the best so far."""

import math
from itertools import product

from search.course import Course
from search.history import History, TrialSpec, best_of
from search.proposers.base import Proposer, SearchSpace
from search.strategy import Proposal, Ranking, Strategy, clip_ratios

TILT = 0.5
"""First tilt, in log keep ratio at the end of a feature: exp(0.5) keeps 1.65 times the uniform share there."""

PRIMES = (2, 3, 5, 7)
WIDER = 3
"""How much longer steps become when the search is to widen."""


class RulesProposer(Proposer):
    """Allocations that are log-linear in three features of a set: its depth, its cost per unit, its coupling.

    The first round tries each feature in both directions, and joint ranking, because which of them pays differs from
    model to model. After it, the best trial that may be read is moved along one feature at a time by steps that halve
    with every round: coordinate search with a fixed order.
    """

    name = "rules"
    reads_sensitivity = True
    steerable = True

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space)
        self._features = space.profile.features()
        self._templates = self._first_round()

    def propose(self, ticket: int, history: History) -> Proposal:
        start = math.log((self.space.budget.target_macs / self.space.profile.baseline_macs) ** 0.5)
        if ticket < len(self._templates):
            weights, ranking, criterion, why = self._templates[ticket]
            return self._proposal([start] * len(self.space.profile.sets), weights, ranking, criterion, why)
        best = best_of(history.readable())
        if best is None or self.course is Course.EXPLORE:
            return self._scattered(ticket, start)
        return self._around(best[0], ticket)

    def _first_round(self) -> list[tuple[dict[str, float], Ranking, str, str]]:
        first = self.space.criteria[0]
        rounds: list[tuple[dict[str, float], Ranking, str, str]] = [
            ({}, Ranking.LOCAL, first, "uniform: the same share of every set"),
        ]
        for name, sign in product((name for name, _ in self._features), (1, -1)):
            side = "more" if sign > 0 else "less"
            rounds.append(({name: sign * TILT}, Ranking.LOCAL, first, f"keep {side} where {name} is high"))
        rounds.append(({}, Ranking.JOINT, first, "uniform share, units of a set ranked together"))
        rounds.extend(
            ({}, Ranking.LOCAL, other, f"uniform share, ranked by {other}") for other in self.space.criteria[1:]
        )
        return rounds

    def _around(self, best: TrialSpec, ticket: int) -> Proposal:
        step_number = ticket - len(self._templates)
        moves = list(product((name for name, _ in self._features), (1, -1)))
        round_number, move = divmod(step_number, len(moves))
        name, sign = moves[move]
        step = sign * TILT / 2 ** (round_number + 1) * (WIDER if self.course is Course.WIDEN else 1)
        strategy = best.proposal.strategy
        logs = [math.log(ratio) for ratio in strategy.ratios]
        why = f"trial {best.trial} with {'more' if sign > 0 else 'less'} where {name} is high ({step:+.3f})"
        return self._proposal(logs, {name: step}, strategy.ranking, strategy.importance, why)

    def _scattered(self, ticket: int, start: float) -> Proposal:
        """With nothing to refine (every trial so far failed), or told to look elsewhere: a point of the Kronecker
        sequence of square roots over the features, which fills the space evenly and never comes back to a point."""
        weights = {
            name: 2 * TILT * (2 * (ticket * math.sqrt(prime) % 1) - 1)
            for (name, _), prime in zip(self._features, PRIMES, strict=False)
        }
        logs = [start] * len(self.space.profile.sets)
        named = ", ".join(f"{name} {weight:+.2f}" for name, weight in weights.items())
        return self._proposal(logs, weights, Ranking.LOCAL, self.space.criteria[0], f"elsewhere: tilted by {named}")

    def _proposal(
        self, logs: list[float], weights: dict[str, float], ranking: Ranking, criterion: str, why: str
    ) -> Proposal:
        features = dict(self._features)
        moved = [
            math.exp(log + sum(weight * features[name][index] for name, weight in weights.items()))
            for index, log in enumerate(logs)
        ]
        return Proposal(Strategy(clip_ratios(moved), criterion, self.space.round_to, ranking), self.name, why)
