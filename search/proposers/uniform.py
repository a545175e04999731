"""One keep ratio for the whole network: the baseline that every paper shows."""

from search.proposers.base import uniform_start
from search.proposers.listed import ListedProposer
from search.space.strategy import Proposal, Strategy


class UniformProposer(ListedProposer):
    """The same share of every group; only the criterion that ranks its units changes from trial to trial.

    The first criterion is the common start, trial 0 of every arm. Ranking a set's groups together would let their
    shares differ: that is the arm `isomorphic`.
    """

    name = "uniform"

    def count(self) -> int:
        return len(self.space.criteria) - 1

    def nth(self, index: int) -> Proposal:
        criterion = self.space.criteria[index + 1]
        ratios = uniform_start(self.space).strategy.ratios
        strategy = Strategy(ratios, criterion, self.space.round_to)
        return Proposal(strategy, self.name, f"the same share of every set, units ranked by {criterion}")
