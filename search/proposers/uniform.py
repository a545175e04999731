"""One keep ratio for the whole network: the baseline of every paper."""

from search.arms import ArmName
from search.proposers.base import uniform_start
from search.proposers.listed import ListedProposer
from search.space.strategy import Proposal, Strategy


class UniformProposer(ListedProposer):
    """The same share of every group; trials differ in the criterion only.

    The first criterion is the common start, trial 0 of every arm. If a set's groups were ranked together, their shares
    would differ: that is the arm `isomorphic`.
    """

    name = ArmName.UNIFORM.value

    def count(self) -> int:
        """One proposal for each criterion after the first."""
        return len(self.space.criteria) - 1

    def nth(self, index: int) -> Proposal:
        """The common start's ratio with the next criterion."""
        criterion = self.space.criteria[index + 1]
        ratios = uniform_start(self.space).strategy.ratios
        strategy = Strategy(ratios, criterion, self.space.round_to)
        return Proposal(strategy, self.name, f"the same share of every set, units ranked by {criterion}")
