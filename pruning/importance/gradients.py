"""What data-driven criteria share: the loss, batch by batch, on a copy that leaves the user's model alone."""

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional as F

from pruning.cloning import clone_structure
from pruning.following import unfuse_attention
from pruning.importance.base import Batches
from pruning.outputs import heads_of

Gradients = dict[str, torch.Tensor]


def scoring_copy(model: nn.Module) -> nn.Module:
    """A copy in eval mode, so that no batch norm is changed by scoring, with every weight asking for a gradient
    and attention unfused, because fused attention has no second derivative."""
    subject = clone_structure(model, {}).eval().requires_grad_(True)
    unfuse_attention(subject)
    return subject


def losses(model: nn.Module, batches: Batches, output: str | None) -> Iterator[torch.Tensor]:
    """The cross-entropy of each batch; a model with several heads is scored by their mean.

    Args:
        output: the model's only head, by name; see `pruning.outputs.heads_of`.
    """
    device = next(model.parameters()).device
    for images, labels in batches:
        logits = torch.stack(heads_of(model(images.to(device)), output)).mean(dim=0)
        yield F.cross_entropy(logits, labels.to(device))


def gradients(model: nn.Module, loss: torch.Tensor, *, differentiable: bool = False) -> Gradients:
    """The loss' gradient by each weight that it depends on."""
    named = list(model.named_parameters())
    found = torch.autograd.grad(loss, [p for _, p in named], create_graph=differentiable, allow_unused=True)
    return {name: grad for (name, _), grad in zip(named, found, strict=True) if grad is not None}
