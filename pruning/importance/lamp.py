"""LAMP: a unit's squared norm as a share of its own and all larger ones of its group.

Lee et al., 2021, arXiv:2010.07611, equation 4, with units in place of single weights.
"""

from collections.abc import Sequence

import torch
from torch import nn

from pruning.importance.base import Batches, Criterion, fold, parameters_of
from pruning.plan import Plan


class Lamp(Criterion):
    """`‖w_u‖² / Σ_{v: ‖w_v‖ ≥ ‖w_u‖} ‖w_v‖²`: the largest unit scores 1, so groups are comparable as they are."""

    name = "lamp"

    def _scores(self, model: nn.Module, plan: Plan, batches: Batches) -> Sequence[torch.Tensor]:
        squares = fold(plan, {name: weight.square() for name, weight in parameters_of(model).items()})
        return [_share_of_the_rest(total) for total in squares]


def _share_of_the_rest(squares: torch.Tensor) -> torch.Tensor:
    order = torch.argsort(squares, descending=True, stable=True)
    held = squares[order].cumsum(0).clamp_min(torch.finfo(squares.dtype).tiny)
    shares = torch.empty_like(squares)
    shares[order] = squares[order] / held
    return shares
