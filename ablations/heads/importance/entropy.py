"""Heads that attend to everything alike are removed first."""

from torch import Tensor

from ablations.heads.attention import entropies
from ablations.heads.importance.base import Evidence, Importance
from ablations.heads.language_model import Head


class Entropy(Importance):
    """The negative attention entropy, the mean over batch and queries of −Σ A·log A."""

    name = "entropy"
    summary = "attention entropy, highest removed first"

    def scores(self, evidence: Evidence, removed: frozenset[Head]) -> Tensor:
        """Return the negative entropy of each head."""
        return -entropies(evidence.model, evidence.tokens)
