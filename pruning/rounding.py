"""How much of a difference between two passes that should compute the same may be rounding.

Random weights can amplify rounding: through attention over large scores it grows from layer to layer. How much is
measured on the same instance, by the same pass with every weight a few units in the last place away, where nothing can
be wrong. What amplifies rounding amplifies a fault as well, so what is allowed ends far below what a fault does.
"""

from typing import Any

import torch
from torch import nn

from pruning.cloning import clone_structure
from pruning.errors import UnsupportedModelError

TOLERANCE = 1e-9  # of a relative difference in float64: rounding that is not amplified stays below it
ROUNDING = 1e-6  # no difference above it is taken for rounding, whatever is measured
AMPLIFIED = 1e-3  # no difference above it is asked again, whatever is measured
_FAR = 2.0**-50  # of a disturbed weight, relative: up to four units in the last place
_GOLDEN = 0.5 * (5**0.5 - 1)
_MARGIN = 32  # sums in another order, and disturbed ones, round alike and not equally


def allowed(measured: float) -> float:
    """The largest difference that is taken for rounding where disturbed weights change the same value by `measured`."""
    return max(TOLERANCE, min(ROUNDING, _MARGIN * measured))


def explains(measured: float, change: float) -> bool:
    """Whether rounding may be all of a change, although it is amplified too much for this instance to show more."""
    return change <= min(AMPLIFIED, _MARGIN * measured)


class NearlyEqualError(UnsupportedModelError):
    """Two passes differ by more than is allowed, and by no more than rounding might: another instance is asked."""


def disturbed_copy(model: nn.Module) -> nn.Module:
    """A copy with every weight a few units in the last place away.

    How far is spread evenly, and not drawn: this also works during a pass whose random numbers are turned off.
    """
    memo: dict[int, Any] = {}
    start = 0
    for tensor in model.parameters():
        if tensor.is_floating_point():
            places = torch.arange(start, start + tensor.numel(), dtype=tensor.dtype).mul_(_GOLDEN).frac_()
            far = places.sub_(0.5).mul_(2 * _FAR).add_(1).view(tensor.shape)
            memo[id(tensor)] = nn.Parameter(far.mul_(tensor.detach()), tensor.requires_grad)
            start += tensor.numel()
    return clone_structure(model, memo)


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """The largest difference, relative to the largest finite element of `b`.

    Infinities of the same sign are equal, and so are two NaNs. Where only one of two values is NaN, so is the result.
    """
    if not a.numel() or torch.equal(a, b):
        return 0.0
    if a.is_complex():
        return difference(torch.view_as_real(a), torch.view_as_real(b))
    a, b = a.double(), b.double()
    same = (a == b) | (a.isnan() & b.isnan())
    apart = torch.where(same, 0.0, a - b).abs().max()
    return float(apart / b.nan_to_num(0.0, 0.0, 0.0).abs().max().clamp_min(1e-300))
