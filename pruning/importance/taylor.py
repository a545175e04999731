"""First-order Taylor importance: the squared change of the loss if a unit's weights became zero.

Molchanov et al., 2019, arXiv:1906.10771, equation 8, with the weights of a unit taken together.
"""

from collections.abc import Sequence

import torch
from torch import nn

from pruning.importance.base import Batches, Criterion, fold
from pruning.importance.gradients import gradients, losses, scoring_copy
from pruning.plan import Plan


class Taylor(Criterion):
    """`mean over batches of (Σ w · ∂L/∂w)²` over all weights that the unit owns."""

    name = "taylor"
    needs_batches = True
    estimates_loss = True

    def _scores(self, model: nn.Module, plan: Plan, batches: Batches) -> Sequence[torch.Tensor]:
        subject = scoring_copy(model)
        weights = dict(subject.named_parameters())
        totals = [torch.zeros(group.units, dtype=torch.float64) for group in plan.groups]
        for loss in losses(subject, batches, plan.spec.output):
            products = {name: weights[name] * grad for name, grad in gradients(subject, loss).items()}
            for total, change in zip(totals, fold(plan, products), strict=True):
                total.add_(change.square(), alpha=1 / len(batches))
        return totals
