"""What norms return without values is what torch says, and what does not fit is left to torch."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pruning.norm_shapes import norm_output

BATCH, LAYER = torch.ops.aten.batch_norm.default, torch.ops.aten.layer_norm.default


def blank(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(shape, device="meta", dtype=dtype)


def batch_norm(
    x: Tensor, *own: Tensor | None, training: bool = False, width: int = 4, dtype: torch.dtype = torch.float32
) -> tuple[Any, ...]:
    own = own or (blank(width, dtype=dtype),) * 4
    return BATCH, (x, *own, training, 0.1, 1e-5, False)


def layer_norm(x: Tensor, *shape: int, own: Tensor | None = None) -> tuple[Any, ...]:
    return LAYER, (x, list(shape), own, own, 1e-5, False)


DOUBLE = torch.float64
FITTING = {
    "batch norm": batch_norm(blank(2, 4, 5, 5)),
    "batch norm of rows": batch_norm(blank(3, 4)),
    "batch norm in training": batch_norm(blank(2, 4, 5, 5), training=True),
    "batch norm without weights": batch_norm(blank(2, 4, 5), None, None, blank(4), blank(4)),
    "batch norm without statistics": batch_norm(blank(2, 4, 5), blank(4), blank(4), None, None, training=True),
    "batch norm in float64": batch_norm(blank(2, 4, 3, 3, 3, dtype=DOUBLE), dtype=DOUBLE),
    "layer norm": layer_norm(blank(2, 7, 6), 6, own=blank(6)),
    "layer norm over two": layer_norm(blank(2, 7, 6), 7, 6, own=blank(7, 6)),
    "layer norm without weights": layer_norm(blank(2, 6), 6),
}
REFUSED = {
    "statistics of another width": batch_norm(blank(2, 5, 3, 3)),
    "weights of another width": batch_norm(blank(2, 4, 3), blank(3), blank(3), blank(4), blank(4)),
    "no statistics in eval mode": batch_norm(blank(2, 4, 3), blank(4), blank(4), None, None),
    "another layer's length": layer_norm(blank(2, 7, 5), 6, own=blank(6)),
    "weights of another length": layer_norm(blank(2, 7, 6), 6, own=blank(5)),
}
LEFT_TO_TORCH = REFUSED | {
    "a layout of its own": batch_norm(blank(2, 5, 5, 4).permute(0, 3, 1, 2)),
    "mixed precision": batch_norm(blank(2, 4, 3), dtype=DOUBLE),
    "values": batch_norm(torch.ones(2, 4, 3), *(torch.ones(4),) * 4),
    "no norm": (torch.ops.aten.relu.default, (blank(2),)),
}


@pytest.mark.parametrize("name", FITTING)
def test_it_is_what_torch_says(name: str) -> None:
    func, args = FITTING[name]
    found, expected = norm_output(func, args), func(*args)
    assert found is not None
    assert (found.shape, found.dtype, found.stride()) == (expected.shape, expected.dtype, expected.stride())
    assert found.is_meta


@pytest.mark.parametrize("name", LEFT_TO_TORCH)
def test_what_does_not_certainly_fit_is_left_to_torch(name: str) -> None:
    func, args = LEFT_TO_TORCH[name]
    assert norm_output(func, args) is None


@pytest.mark.parametrize("name", REFUSED)
def test_the_errors_are_torch_s(name: str) -> None:
    func, args = REFUSED[name]
    with pytest.raises((RuntimeError, AttributeError, TypeError, ValueError)):
        func(*args)
