"""What a search may choose from."""

from collections.abc import Mapping
from dataclasses import dataclass

from pruning.importance.base import Scores
from pruning.plan import Plan
from search.space.budget import Budget
from search.space.profile import Profile


@dataclass(frozen=True, slots=True, eq=False)
class SearchSpace:
    """What a proposer may choose from.

    Attributes:
        criteria: names of the importance criteria that were computed; the first is the default.
        round_to: kept units per group are multiples of this.
        plan: exact costs, for the arms that count units.
        scores: importance of each unit of each group, by criterion.
    """

    profile: Profile
    budget: Budget
    criteria: tuple[str, ...]
    round_to: int
    seed: int
    plan: Plan
    scores: Mapping[str, Scores]
