"""Removing heads for real: smaller projections, which compute what the gated model computes."""

import copy
import dataclasses
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from ablations.heads.errors import MaskNotAppliedError
from ablations.heads.gates import gated
from ablations.heads.language_model import LanguageModel

_CLOSE = {torch.float32: 1e-3, torch.float16: 5e-2, torch.bfloat16: 2e-1}


def without_closed_heads(model: LanguageModel, gates: Tensor) -> LanguageModel:
    """Copy a model without the heads whose gate is zero; the other gates are multiplied into the output projection.

    Args:
        model: the model; it is not changed.
        gates: [layers, heads].
    """
    network = copy.deepcopy(model.network)
    for layer, block in enumerate(network.transformer.h):
        kept = gates[layer].nonzero().flatten().tolist()
        if kept:
            _slice(block.attn, kept, gates[layer], model.head_width)
        else:
            block.attn = NoAttention(block.attn.c_proj.bias.detach(), layer)
    return dataclasses.replace(model, network=network)


@torch.no_grad()
def check_removal(dense: LanguageModel, gates: Tensor, smaller: LanguageModel, tokens: Tensor) -> None:
    """Check that the smaller model computes what the gated one computes.

    Raises:
        MaskNotAppliedError: it does not.
    """
    with gated(dense, gates):
        expected = dense.logits(tokens)
    distance = float((smaller.logits(tokens) - expected).abs().max())
    allowed = _CLOSE[dense.network.dtype] * max(1.0, float(expected.abs().max()))
    if not distance <= allowed:
        raise MaskNotAppliedError(
            f"The model whose heads were removed for real differs from the masked one by {distance:.3g} in a logit, "
            f"{allowed:.3g} is allowed: nothing of this condition is reported. Try again without --structural."
        )


def _slice(attention: Any, kept: list[int], gates: Tensor, width: int) -> None:
    dimensions = torch.tensor([head * width + offset for head in kept for offset in range(width)])
    whole = attention.c_proj.weight.shape[0]
    dimensions = dimensions.to(attention.c_proj.weight.device)
    columns = torch.cat([dimensions + part * whole for part in range(3)])
    scale = gates.to(attention.c_proj.weight).repeat_interleave(width)[dimensions, None]
    attention.c_attn = _projection(attention.c_attn.weight[:, columns], attention.c_attn.bias[columns])
    attention.c_proj = _projection(attention.c_proj.weight[dimensions] * scale, attention.c_proj.bias)
    attention.num_heads, attention.split_size = len(kept), len(dimensions)


def _projection(weight: Tensor, bias: Tensor) -> Any:
    made = Conv1D(weight.shape[1], weight.shape[0])
    made.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
    made.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
    return made


class NoAttention(nn.Module):
    """What is left of an attention without heads: the bias of its output projection."""

    def __init__(self, bias: Tensor, layer: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(bias.clone(), requires_grad=False)
        self._layer = layer

    def forward(self, hidden_states: Tensor, past_key_values: Any = None, **kwargs: Any) -> tuple[Tensor, None]:
        """Return the bias for each token; the cache is told how many tokens there were."""
        if past_key_values is not None:
            # The length of a cache is read from its first layer, which may be this one.
            empty = hidden_states.new_zeros(hidden_states.shape[0], 1, hidden_states.shape[1], 1)
            past_key_values.update(empty, empty, self._layer)
        return self.bias.expand_as(hidden_states), None
