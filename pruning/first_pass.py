"""Models that keep what their first forward pass computed, such as a table of positions for the size of the image.

The first pass of such a model runs operations that later ones do not. It is planned as it is after that pass.
"""

from functools import partial

import torch
from torch import nn

from pruning.cloning import clone_structure, is_activation
from pruning.inputs import InputSize, Shape, made_inputs
from pruning.stillness import deterministic


def after_first_pass(model: nn.Module, input_size: InputSize) -> nn.Module | None:
    """A copy that has run once on a black image, None if it fails or if that pass leaves nothing behind."""
    copied = clone_structure(model, {}).eval()
    first = next(copied.parameters(), torch.empty(0))
    before = _kept(copied)
    try:
        with torch.no_grad(), deterministic():
            copied(*made_inputs(copied, input_size, partial(_blank, first)))
    except Exception:  # noqa: BLE001 - foreign code may raise anything: its plan says what
        return None
    return copied if _kept(copied) != before else None


def _blank(like: torch.Tensor, shape: Shape) -> torch.Tensor:
    return torch.zeros(1, *shape, dtype=like.dtype, device=like.device)


def _kept(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """The shapes of all tensors that layers hold and that are no weights."""
    kept = {name: tuple(buffer.shape) for name, buffer in model.named_buffers()}
    for layer, module in model.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, torch.Tensor) and not is_activation(value):
                kept[f"{layer}.{name}"] = tuple(value.shape)
    return kept
