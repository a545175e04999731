"""Heads are removed at random: what every other criterion must beat."""

import torch
from torch import Tensor

from ablations.heads.importance.base import Evidence, Importance
from ablations.heads.language_model import Head


class Random(Importance):
    """A random order that depends on the seed alone."""

    name = "random"
    summary = "a random order, drawn from the seed"

    def scores(self, evidence: Evidence, removed: frozenset[Head]) -> Tensor:
        """Return the heads' places in a random order."""
        model = evidence.model
        drawn = torch.randperm(model.layers * model.heads, generator=torch.Generator().manual_seed(evidence.seed))
        return drawn.double().view(model.layers, model.heads)
