"""CMA-ES over the log keep ratios."""

import math

import numpy as np
from numpy.typing import NDArray

from search.arms import ArmName
from search.proposers.base import Proposer, uniform_start
from search.space.history import History
from search.space.search_space import SearchSpace
from search.space.strategy import Proposal, Strategy, clip_ratios
from tracking.kinds import Course

LOWEST = 0.05
SIGMA = 0.35
"""The initial standard deviation, in log keep ratio: a factor of 1.4."""
POPULATION = 6
"""Results per generation: a budget of tens of trials cannot pay for the usual 4 + 3·ln(dimensions)."""

STRETCH = {Course.WIDEN: 2.0, Course.EXPLORE: 4.0}
"""How much farther from the mean a point is drawn on a course. The distribution learns from its result as usual."""


class CMAESProposer(Proposer):
    """Covariance matrix adaptation (Hansen, arXiv:1604.00772), by the library that Optuna's CmaEsSampler wraps.

    Each proposal replays the generations that the readable history fills, in the order of the trials' numbers, and
    draws one point from its own random stream. Optuna's sampler keeps its state in attributes of its study, which a
    resume would have to recover. Replayed, the proposal is a function of the seed, the ticket and the history, and it
    learns from another proposer's trials as well. Trials without a score are left out.
    """

    name = ArmName.CMAES.value
    steerable = True

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space)
        self._bounds = np.array([[math.log(LOWEST), 0.0]] * max(2, len(space.profile.sets)))
        self._start = self._point(uniform_start(space).strategy)

    def propose(self, ticket: int, history: History) -> Proposal:
        """A point drawn from the distribution that the readable history gives."""
        # Imported here because it imports scipy.stats, which would delay the start of every other arm by two seconds.
        from cmaes import CMA

        optimiser = CMA(
            mean=self._start, sigma=SIGMA, bounds=self._bounds, population_size=POPULATION, seed=self.space.seed
        )
        scored = [
            (self._point(spec.proposal.strategy), -result.accuracy)
            for spec, result in history.readable()
            if result.accuracy is not None
        ]
        for first in range(0, len(scored) - POPULATION + 1, POPULATION):
            optimiser.tell(scored[first : first + POPULATION])
        optimiser.reseed_rng((self.space.seed * 100_003 + ticket) % 2**32)
        stretched = optimiser.mean + STRETCH.get(self.course, 1.0) * (optimiser.ask() - optimiser.mean)
        logs = np.clip(stretched, *self._bounds.T)[: len(self.space.profile.sets)]
        strategy = Strategy(clip_ratios(np.exp(logs).tolist()), self.space.criteria[0], self.space.round_to)
        return Proposal(strategy, self.name, f"drawn from generation {optimiser.generation}")

    def _point(self, strategy: Strategy) -> NDArray[np.float64]:
        """The logs of the ratios, with an unused second dimension if there is one set: the algorithm needs two."""
        logs = np.log(np.clip(strategy.ratios, LOWEST, 1.0))
        return logs if len(logs) > 1 else np.append(logs, math.log(LOWEST) / 2)
