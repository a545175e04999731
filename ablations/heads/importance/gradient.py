"""Heads on whose gate the loss depends least are removed first."""

import torch
from torch import Tensor

from ablations.heads.gates import gated, open_gates
from ablations.heads.importance.base import Evidence, Importance
from ablations.heads.language_model import Head, LanguageModel


class Gradient(Importance):
    """Head importance of Michel et al. 2019 (arXiv:1905.10650).

    The mean over sequences of |∂L/∂ξ|, where ξ is the head's gate and L the sequence's mean loss, divided by the ℓ₂
    norm of its layer's scores, as in the paper.
    """

    name = "gradient"
    summary = "mean |dL/dgate| over sequences (Michel et al. 2019), lowest removed first"

    def scores(self, evidence: Evidence, removed: frozenset[Head]) -> Tensor:
        """Return the mean absolute gradient of each head's gate, normalised per layer."""
        found = gate_gradients(evidence.model, evidence.tokens)
        return found / found.norm(dim=1, keepdim=True).clamp_min(torch.finfo(found.dtype).tiny)


def gate_gradients(model: LanguageModel, tokens: Tensor) -> Tensor:
    """Return the mean over sequences of |∂L/∂ξ| [layers, heads]; each sequence has gates of its own in one pass."""
    with torch.enable_grad():
        gates = open_gates(model).to(model.device).repeat(len(tokens), 1, 1).requires_grad_()
        with gated(model, gates):
            total = model.losses(tokens).mean(1).sum()
        (gradient,) = torch.autograd.grad(total, gates)
    return gradient.abs().double().mean(0).cpu()
