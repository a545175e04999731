"""Heads with small weights are removed first."""

import torch
from torch import Tensor

from ablations.heads.gates import by_head
from ablations.heads.importance.base import Evidence, Importance
from ablations.heads.language_model import Head


class Magnitude(Importance):
    """‖Wq‖ + ‖Wk‖ + ‖Wv‖ + ‖Wo‖ of a head, in the Frobenius norm, without biases."""

    name = "magnitude"
    summary = "sum of the Frobenius norms of a head's four weights, lowest removed first"

    @torch.no_grad()
    def scores(self, evidence: Evidence, removed: frozenset[Head]) -> Tensor:
        """Return the sum of the four norms of each head."""
        heads = evidence.model.heads
        found = []
        for attention in evidence.model.attentions:
            parts = [*attention.c_attn.weight.double().chunk(3, dim=1), attention.c_proj.weight.double().T]
            found.append(sum(by_head(part, heads).square().sum((0, 2)).sqrt() for part in parts))
        return torch.stack([torch.as_tensor(layer) for layer in found]).cpu()
