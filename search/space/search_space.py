"""The search space: everything that a proposer may choose from."""

from collections.abc import Mapping
from dataclasses import dataclass

from pruning.importance.base import Scores
from pruning.plan import Plan
from search.space.budget import Budget
from search.space.profile import Profile


@dataclass(frozen=True, slots=True, eq=False)
class SearchSpace:
    """Everything that a proposer may choose from, and what it needs for the choice.

    Attributes:
        profile: The plan, set by set.
        budget: The target and its band.
        criteria: Names of the importance criteria that were computed; the first is the default.
        round_to: Kept units per group are multiples of this.
        seed: The seed of random proposals.
        plan: Exact costs, for the arms that allocate units.
        scores: Importance of each unit of each group, by criterion.
    """

    profile: Profile
    budget: Budget
    criteria: tuple[str, ...]
    round_to: int
    seed: int
    plan: Plan
    scores: Mapping[str, Scores]
