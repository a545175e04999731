"""What the heads attend to: their attention probabilities, and how spread these are."""

import math

import torch
from torch import Tensor

from ablations.heads.language_model import LanguageModel


@torch.no_grad()
def entropies(model: LanguageModel, tokens: Tensor) -> Tensor:
    """Return each head's attention entropy [layers, heads] in nats: the mean of −Σ A·log A over batch and queries.

    Args:
        model: a model with eager attention, which is the kind that tells its probabilities.
        tokens: [batch, time].
    """
    found = model.network(input_ids=tokens, use_cache=False, output_attentions=True).attentions
    return torch.stack([entropy(layer) for layer in found]).cpu()


def entropy(probabilities: Tensor) -> Tensor:
    """Return the entropy [heads] of probabilities [batch, heads, queries, keys]; 0·log 0 counts as 0."""
    return torch.special.entr(probabilities.double()).sum(-1).mean((0, 2))


def concentration(entropy_of_heads: Tensor, time: int) -> Tensor:
    """Return 1 − H / ln T: 1 for a head that looks at one token, 0 for one that looks at all T alike."""
    return 1 - entropy_of_heads / math.log(time)
