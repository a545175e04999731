"""The gates of a model with agency: consent, removal, state, then compensation."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from ablations.heads.agency.states import SHARES, Signals
from ablations.heads.gates import gated, open_gates, projections_seen
from ablations.heads.language_model import Head, LanguageModel


def volunteers(signals: Mapping[Head, Signals]) -> frozenset[Head]:
    """Return the heads that have withdrawn their consent: they are removed before all others."""
    return frozenset(head for head, said in signals.items() if not said.consent)


def agency_gates(model: LanguageModel, signals: Mapping[Head, Signals], removed: Collection[Head]) -> Tensor:
    """Return the gates [layers, heads] by which the forward pass respects the heads, before compensation.

    In this order: a head without consent contributes nothing; nor does one that is removed; every other contributes the
    share of its state.
    """
    gates = open_gates(model)
    for head, said in signals.items():
        if not said.consent or head in removed:
            gates[head] = 0.0
        else:
            gates[head] = SHARES[said.state]
    return gates


@torch.no_grad()
def compensated(model: LanguageModel, gates: Tensor, tokens: Tensor) -> Tensor:
    """Scale the gates of each layer so that its attention block keeps the output scale of the dense model.

    The scale is the root mean square of the block's output on `tokens`, without the projection's bias. The layers
    follow one another, because each reads what those before it now write. A layer whose gates are all zero keeps them.

    Args:
        model: the dense model.
        gates: [layers, heads].
        tokens: calibration text [sequences, time].
    """
    dense = _scales(model, open_gates(model), tokens)
    made = gates.clone()
    for layer in range(model.layers):
        if bool((gates[layer] != open_gates(model)[layer]).any() or (made[:layer] != 1).any()) and bool(
            gates[layer].any()
        ):
            made[layer] *= dense[layer] / _scales(model, made, tokens)[layer]
    return made


def _scales(model: LanguageModel, gates: Tensor, tokens: Tensor) -> list[float]:
    with gated(model, gates), projections_seen(model) as seen:
        model.logits(tokens)
    biases = [attention.c_proj.bias for attention in model.attentions]
    return [
        float((output - bias).float().square().mean().sqrt()) for (_, output), bias in zip(seen, biases, strict=True)
    ]
