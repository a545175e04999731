"""The head whose removal costs least is removed, and those that are left are measured again."""

import torch
from torch import Tensor

from ablations.heads.gates import gated, mask
from ablations.heads.importance.base import Evidence, Importance
from ablations.heads.language_model import Head


class Greedy(Importance):
    """The calibration loss without a head, beside the heads that are gone already; one pass per head and removal."""

    name = "greedy"
    summary = "loss without the head, measured again after each removal, lowest removed first"
    recomputed = True

    @torch.no_grad()
    def scores(self, evidence: Evidence, removed: frozenset[Head]) -> Tensor:
        """Return the mean loss without the removed heads and without each head that is left."""
        model = evidence.model
        found = torch.full((model.layers, model.heads), torch.inf, dtype=torch.float64)
        for head in model.all_heads:
            if head not in removed:
                with gated(model, mask(model, removed | {head})):
                    found[head] = model.losses(evidence.tokens).double().mean().item()
        return found
