"""Gates on attention heads, where each head enters the output projection of its layer, and what is seen there."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from ablations.heads.errors import MaskNotAppliedError
from ablations.heads.language_model import Head, LanguageModel


def open_gates(model: LanguageModel) -> Tensor:
    """Return gates [layers, heads] of one, which change nothing."""
    return torch.ones(model.layers, model.heads)


def mask(model: LanguageModel, removed: Iterable[Head]) -> Tensor:
    """Return gates of zero for the heads that are removed, and of one for all others."""
    gates = open_gates(model)
    for head in removed:
        gates[head] = 0.0
    return gates


@contextlib.contextmanager
def gated(model: LanguageModel, gates: Tensor) -> Iterator[None]:
    """Multiply each head's output by its gate during the block, before the output projection mixes the heads.

    Args:
        model: the model.
        gates: [layers, heads], or [batch, layers, heads] with gates of its own for each sequence of a batch.
    """
    placed = gates.to(model.device)
    hooks = [
        attention.c_proj.register_forward_pre_hook(_multiply_by(placed[..., layer, :]))
        for layer, attention in enumerate(model.attentions)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _multiply_by(gates: Tensor) -> Callable[[Any, tuple[Tensor, ...]], tuple[Tensor]]:
    shaped = gates[:, None, :, None] if gates.dim() == 2 else gates[:, None]

    def multiply(_: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
        return ((by_head(inputs[0], gates.shape[-1]) * shaped.to(inputs[0].dtype)).flatten(-2),)

    return multiply


@contextlib.contextmanager
def projections_seen(model: LanguageModel) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Record what enters and leaves each layer's output projection in the last pass of the block.

    Hooks after the projection see what it really received, with all gates applied.

    Yields:
        A list with input [batch, time, heads, width] and output [batch, time, model width] per layer, filled by a pass.
    """
    seen: list[tuple[Tensor, Tensor]] = []

    def record(_: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if len(seen) == model.layers:
            seen.clear()
        seen.append((by_head(inputs[0], model.heads), output))

    hooks = [attention.c_proj.register_forward_hook(record) for attention in model.attentions]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def by_head(values: Tensor, heads: int) -> Tensor:
    """Split the last dimension into heads."""
    return values.unflatten(-1, (heads, -1))


@torch.no_grad()
def check_gates(model: LanguageModel, gates: Tensor, tokens: Tensor) -> None:
    """Check in a pass, under the gates that are in force, that the heads with gate zero are silent, and no others.

    A head whose values are all zero is silent by itself, as where a model was pruned by masks before it came here.

    Raises:
        MaskNotAppliedError: they are not.
    """
    with projections_seen(model) as seen:
        model.logits(tokens)
    for layer, (received, _) in enumerate(seen):
        loudest = received.float().abs().amax(dim=(0, 1, 3))
        for head in range(model.heads):
            closed, silent = bool(gates[layer, head] == 0), bool(loudest[head] == 0)
            if closed != silent and not (silent and _is_mute(model, Head(layer, head))):
                raise MaskNotAppliedError(
                    f"Head {head} of layer {layer} is {'removed' if closed else 'kept'}, but what enters the output "
                    f"projection from it is {'all zero' if silent else f'up to {float(loudest[head]):.3g}'}: the "
                    "mask was not applied as decided, so nothing of this condition is reported."
                )


def _is_mute(model: LanguageModel, head: Head) -> bool:
    """Whether the weights and biases from which a head's values are made are all zero."""
    values = (part.chunk(3, dim=-1)[2] for part in model.attentions[head.layer].c_attn.parameters())
    return not any(bool(by_head(part, model.heads)[..., head.head, :].any()) for part in values)
