"""Isomorphic pruning: units ranked within sets of equal groups, one ratio for all sets, bisected to the budget."""

from enum import StrEnum
from itertools import product

import torch

from pruning.allocation import allocate
from pruning.importance.base import Scores
from pruning.plan import Allocation
from search.arms import ArmName
from search.proposers.listed import ListedProposer
from search.space.strategy import Proposal, Strategy, clip_ratios
from tracking.kinds import Ranking

_HALVINGS = 40
_TINY = torch.finfo(torch.float64).tiny


class Scale(StrEnum):
    """What a unit's score is divided by before the groups of a set are compared."""

    MEAN = "its group's mean"
    MAX = "its group's best"
    NONE = "nothing"


class IsomorphicProposer(ListedProposer):
    """Isomorphic pruning (Fang et al., arXiv:2407.04616).

    Groups whose layers have the same shape and place form a set. Its units are ranked together, and every set keeps
    the same share r: the largest whose allocation costs no more than the target by the plan's exact count. Projection
    spends what rounding leaves of the budget. Trials differ in the criterion, and in the number by which a score is
    divided to make groups comparable.
    """

    name = ArmName.ISOMORPHIC.value

    def count(self) -> int:
        """One proposal for each scale and criterion."""
        return len(self.space.criteria) * len(Scale)

    def nth(self, index: int) -> Proposal:
        """The scales in turn, each with all criteria."""
        scale, criterion = list(product(Scale, self.space.criteria))[index]
        scores = _scaled(self.space.scores[criterion], scale)
        ratio, allocation = self._bisected(scores)
        strategy = Strategy(clip_ratios([ratio] * len(self.space.profile.sets)), criterion, self.space.round_to)
        why = f"{ratio:.1%} of every isomorphic set, units ranked together by {criterion} over {scale.value}"
        return Proposal(_joint(strategy), self.name, why, allocation)

    def _bisected(self, scores: Scores) -> tuple[float, Allocation]:
        """The largest ratio on budget, and its allocation. A larger ratio only adds units, so its cost is higher."""
        plan, sets = self.space.plan, len(self.space.profile.sets)
        low, high = 0.0, 1.0
        best = plan.floor()
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            allocation = allocate(plan, [middle] * sets, scores=scores, comparable=True)
            if plan.macs(allocation) <= self.space.budget.target_macs:
                low, best = middle, allocation
            else:
                high = middle
        return low, best


def _scaled(scores: Scores, scale: Scale) -> Scores:
    match scale:
        case Scale.MEAN:
            return tuple(score.double() / score.double().mean().clamp_min(_TINY) for score in scores)
        case Scale.MAX:
            return tuple(score.double() / score.double().max().clamp_min(_TINY) for score in scores)
        case Scale.NONE:
            return scores


def _joint(strategy: Strategy) -> Strategy:
    return Strategy(strategy.ratios, strategy.importance, strategy.round_to, Ranking.JOINT)
