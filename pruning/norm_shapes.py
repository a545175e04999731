"""What batch and layer norms return on tensors without values: as their input, and nothing has to be computed for it.

On the meta device torch decomposes each of these norms into dozens of Python calls, which used to be half of the time
of a plan. Where the arguments do not certainly fit, torch is asked, so that its errors stay its own.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def norm_output(func: Any, args: Sequence[Any]) -> Tensor | None:
    """The output of an operation that is a norm of contiguous tensors that fit; else None.

    Args:
        func: the operation, as a dispatch mode receives it.
        args: its positional arguments.
    """
    fits = _FITS.get(func)
    if fits is None or not fits(*args):
        return None
    return torch.empty_like(args[0])


def _batch_norm_fits(
    input: Tensor,  # noqa: A002  torch's name
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    *_: object,
) -> bool:
    own = (weight, bias, running_mean, running_var)
    if input.dim() < 2 or not (training or (running_mean is not None and running_var is not None)):
        return False
    return _plain(input) and all(_is_like(tensor, input, input.shape[1:2]) for tensor in own)


def _layer_norm_fits(
    input: Tensor,  # noqa: A002  torch's name
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    *_: object,
) -> bool:
    shape = input.shape[input.dim() - len(normalized_shape) :]
    if not normalized_shape or tuple(normalized_shape) != tuple(shape):
        return False
    return _plain(input) and all(_is_like(tensor, input, shape) for tensor in (weight, bias))


def _plain(tensor: Tensor) -> bool:
    return tensor.is_meta and tensor.is_contiguous() and tensor.is_floating_point() and tensor.numel() > 0


def _is_like(tensor: Tensor | None, other: Tensor, shape: Sequence[int]) -> bool:
    return tensor is None or (tensor.is_meta and tensor.dtype == other.dtype and tuple(tensor.shape) == tuple(shape))


_FITS: dict[Any, Callable[..., bool]] = {
    torch.ops.aten.batch_norm.default: _batch_norm_fits,
    torch.ops.aten.layer_norm.default: _layer_norm_fits,
}
