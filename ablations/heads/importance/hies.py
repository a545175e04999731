"""Heads on which the loss depends little and which attend to everything alike are removed first."""

from torch import Tensor

from ablations.heads.attention import concentration, entropies
from ablations.heads.importance.base import Evidence, Importance
from ablations.heads.importance.gradient import Gradient
from ablations.heads.language_model import Head


class Hies(Importance):
    """Gradient × entropy, after the head importance-entropy score (arXiv:2510.13832).

    The product of the gradient score and of 1 − H / ln T, so that both factors say "keep" by a high value, as the two
    criteria alone do. It is this product that is measured here, not the authors' code, which is not published.
    """

    name = "hies"
    summary = "gradient score times 1 - entropy / ln T (after arXiv:2510.13832), lowest removed first"

    def scores(self, evidence: Evidence, removed: frozenset[Head]) -> Tensor:
        """Return the product of both scores of each head."""
        spread = entropies(evidence.model, evidence.tokens)
        return Gradient().scores(evidence, removed) * concentration(spread, evidence.tokens.shape[1])
