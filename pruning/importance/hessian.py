"""Second-order importance: the curvature of the loss along each weight.

LeCun et al., 1990, Optimal Brain Damage, equation 6. The Hessian's diagonal is estimated with random signs (Hutchinson;
Bekas et al., 2007).
"""

from collections.abc import Sequence

import torch
from torch import nn

from pruning.importance.base import Batches, Criterion, fold
from pruning.importance.gradients import Gradients, gradients, losses, scoring_copy
from pruning.plan import Plan

_PROBES = 4


class HessianDiagonal(Criterion):
    """`½ Σ |h_ii| w_i²` over all weights that the unit owns, with `h = mean of z · Hz` over signs z and batches."""

    name = "hessian"
    needs_batches = True
    estimates_loss = True

    def _scores(self, model: nn.Module, plan: Plan, batches: Batches) -> Sequence[torch.Tensor]:
        subject = scoring_copy(model)
        generator = torch.Generator().manual_seed(0)
        diagonal: dict[str, torch.Tensor] = {}
        for loss in losses(subject, batches, plan.spec.output):
            first = gradients(subject, loss, differentiable=True)
            for _ in range(_PROBES):
                for name, probe in _probe(subject, first, generator).items():
                    diagonal[name] = diagonal.get(name, torch.zeros(())) + probe / (_PROBES * len(batches))
        weights = dict(subject.named_parameters())
        return fold(plan, {name: 0.5 * h.abs() * weights[name].detach().square() for name, h in diagonal.items()})


def _probe(subject: nn.Module, first: Gradients, generator: torch.Generator) -> Gradients:
    """`z · Hz` for one random vector of signs; weights that the gradient does not depend on have no curvature."""
    weights = dict(subject.named_parameters())
    signs = {name: (torch.randint(2, grad.shape, generator=generator) * 2 - 1).to(grad) for name, grad in first.items()}
    curved = [name for name, grad in first.items() if grad.requires_grad]
    product = torch.autograd.grad(
        [first[name] for name in curved],
        [weights[name] for name in first],
        grad_outputs=[signs[name] for name in curved],
        retain_graph=True,
        allow_unused=True,
    )
    return {
        name: signs[name] * hz.detach() for (name, _), hz in zip(first.items(), product, strict=True) if hz is not None
    }
