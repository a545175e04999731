"""Strategies and proposals: how much of each isomorphic set to keep, and how the kept units are chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracking.kinds import Ranking

MIN_RATIO = 0.01
"""No proposer requests less than 1 % of a set; projection may still cut a group to its last unit."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to prune a model.

    Attributes:
        ratios: Keep ratio of each isomorphic set, in plan order, each in (0, 1].
        importance: Name of the criterion that ranks the units.
        round_to: Kept units per group are multiples of this.
        ranking: Whether the units of each group are ranked separately, or those of a set together.
    """

    ratios: tuple[float, ...]
    importance: str = "l2"
    round_to: int = 1
    ranking: Ranking = Ranking.LOCAL

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON types."""
        return {
            "ratios": list(self.ratios),
            "importance": self.importance,
            "round_to": self.round_to,
            "ranking": self.ranking.value,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Strategy":
        """Convert from what `to_json` returned."""
        return cls(
            ratios=tuple(float(ratio) for ratio in data["ratios"]),
            importance=str(data["importance"]),
            round_to=int(data["round_to"]),
            ranking=Ranking(data["ranking"]),
        )


@dataclass(frozen=True, slots=True)
class Proposal:
    """A strategy with its proposer and the reason for it.

    Attributes:
        strategy: The requested strategy.
        proposer: Name of the arm, as shown in tables.
        rationale: The reason in the proposer's words; it is shown and never acted on.
        allocation: Units to keep in each group of the plan, if one ratio per set cannot express the request; the
            ratios are then the average shares that the sets keep. None if the strategy is the complete request.
    """

    strategy: Strategy
    proposer: str
    rationale: str
    allocation: tuple[int, ...] | None = None


def clip_ratios(ratios: Sequence[float]) -> tuple[float, ...]:
    """Clip ratios to [`MIN_RATIO`, 1], and round them to four digits, which keeps ledger lines readable."""
    return tuple(round(min(1.0, max(MIN_RATIO, float(ratio))), 4) for ratio in ratios)
