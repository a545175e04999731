"""What data-driven criteria share: the loss of each batch and its gradients, on a copy of the user's model."""

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
    """Copy the model for scoring.

    The copy is in eval mode, so that scoring changes no batch norm, all its weights require gradients, and its
    attention is unfused, because fused attention has no second derivative.
    """
    subject = clone_structure(model, {}).eval().requires_grad_(True)
    unfuse_attention(subject)
    return subject


def losses(model: nn.Module, batches: Batches, output: str | None) -> Iterator[torch.Tensor]:
    """The cross-entropy of each batch; the logits of several heads are averaged.

    Args:
        model: the model, on any device.
        batches: images and labels.
        output: path of the only head to use; see `pruning.outputs.heads_of`.
    """
    device = next(model.parameters()).device
    for images, labels in batches:
        logits = torch.stack(heads_of(model(images.to(device)), output)).mean(dim=0)
        yield F.cross_entropy(logits, labels.to(device))


def gradients(model: nn.Module, loss: torch.Tensor, *, differentiable: bool = False) -> Gradients:
    """The gradient of the loss with respect to each weight that it depends on.

    Args:
        model: the model that computed the loss.
        loss: a scalar.
        differentiable: keep the graph, so that the gradients can be differentiated again.
    """
    named = list(model.named_parameters())
    found = torch.autograd.grad(loss, [p for _, p in named], create_graph=differentiable, allow_unused=True)
    return {name: grad for (name, _), grad in zip(named, found, strict=True) if grad is not None}
