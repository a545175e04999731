"""Random allocations: the baseline that any search must beat."""

import numpy as np

from search.arms import ArmName
from search.proposers.base import Proposer
from search.space.history import History
from search.space.strategy import Proposal, Strategy, clip_ratios
from tracking.kinds import Ranking


class RandomProposer(Proposer):
    """Keep ratios drawn uniformly from [0.05, 1], each proposal from its own seeded stream."""

    name = ArmName.RANDOM.value

    def propose(self, ticket: int, history: History) -> Proposal:
        """The draw of this ticket's stream, which depends on nothing else."""
        rng = np.random.default_rng([self.space.seed, ticket])
        ratios = clip_ratios(rng.uniform(0.05, 1.0, size=len(self.space.profile.sets)).tolist())
        criterion = self.space.criteria[int(rng.integers(len(self.space.criteria)))]
        ranking = list(Ranking)[int(rng.integers(len(Ranking)))]
        return Proposal(Strategy(ratios, criterion, self.space.round_to, ranking), self.name, "drawn at random")
