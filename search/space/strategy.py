"""What a proposer says: how much of each isomorphic set to keep, and how to choose which units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracking.kinds import Ranking

MIN_RATIO = 0.01
"""No proposer asks for less than 1 % of a set; projection may still go down to a group's last unit."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to prune a model.

    Attributes:
        ratios: keep ratio of each isomorphic set, in plan order, each in (0, 1].
        importance: name of the criterion that ranks the units.
        round_to: kept units per group are multiples of this.
        ranking: whether groups of one set share their ratio or their ranking.
    """

    ratios: tuple[float, ...]
    importance: str = "l2"
    round_to: int = 1
    ranking: Ranking = Ranking.LOCAL

    def to_json(self) -> dict[str, Any]:
        return {
            "ratios": list(self.ratios),
            "importance": self.importance,
            "round_to": self.round_to,
            "ranking": self.ranking.value,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Strategy":
        return cls(
            ratios=tuple(float(ratio) for ratio in data["ratios"]),
            importance=str(data["importance"]),
            round_to=int(data["round_to"]),
            ranking=Ranking(data["ranking"]),
        )


@dataclass(frozen=True, slots=True)
class Proposal:
    """A strategy as asked for, with who asked and why.

    Attributes:
        proposer: the arm's name, as the tables print it.
        rationale: the proposer's own words; shown, never acted on.
        allocation: units to keep in each group of the plan, where one ratio a set cannot say it; the strategy's
            ratios are then the shares that each set keeps on average. None: the strategy says it all.
    """

    strategy: Strategy
    proposer: str
    rationale: str
    allocation: tuple[int, ...] | None = None


def clip_ratios(ratios: Sequence[float]) -> tuple[float, ...]:
    """The ratios forced into [MIN_RATIO, 1] and rounded to four digits, so that a ledger line reads well."""
    return tuple(round(min(1.0, max(MIN_RATIO, float(ratio))), 4) for ratio in ratios)
