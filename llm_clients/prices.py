"""What tokens cost."""

from __future__ import annotations

from dataclasses import dataclass

from llm_clients.request import Usage


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens, without discounts for caching or batches."""

    input_per_million: float
    output_per_million: float

    def cost(self, usage: Usage) -> float:
        """US dollars."""
        return (usage.input_tokens * self.input_per_million + usage.output_tokens * self.output_per_million) / 1e6
