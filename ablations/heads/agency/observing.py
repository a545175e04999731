"""Watching the heads of the dense model at work on calibration text, batch by batch."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ablations.heads.agency.rules import Observed, Rules, step
from ablations.heads.agency.states import Signals
from ablations.heads.attention import concentration, entropies
from ablations.heads.gates import by_head, projections_seen
from ablations.heads.language_model import Head, LanguageModel


def observe(model: LanguageModel, tokens: Tensor, rules: Rules) -> Mapping[Head, Signals]:
    """Return the signals of all heads after the model has read the sequences [n, time], each as a batch."""
    signals: Mapping[Head, Signals] = dict.fromkeys(model.all_heads, Signals())
    for number, sequence in enumerate(tokens, start=1):
        batch = sequence[None]
        with projections_seen(model) as seen:
            spread = concentration(entropies(model, batch), batch.shape[1])
        with_others = [
            alignments(received, attention.c_proj.weight)
            for (received, _), attention in zip(seen, model.attentions, strict=True)
        ]
        observed = {
            head: Observed(float(spread[head]), float(with_others[head.layer][head.head])) for head in model.all_heads
        }
        signals = step(signals, observed, rules, number)
    return signals


@torch.no_grad()
def alignments(received: Tensor, weight: Tensor) -> Tensor:
    """Return the mean cosine [heads] between each head's contribution to its block and that of all other heads.

    Args:
        received: what enters the output projection, [batch, time, heads, width].
        weight: of the output projection, [heads · width, model width].
    """
    parts = by_head(weight.T.float(), received.shape[2])
    contributions = torch.einsum("bthw,mhw->bthm", received.float(), parts)
    others = contributions.sum(2, keepdim=True) - contributions
    return nn.functional.cosine_similarity(contributions, others, dim=-1).mean((0, 1)).cpu()
