"""Weight magnitude: the classical criterion (Li et al., 2017, arXiv:1608.08710), over all weights of a unit."""

from collections.abc import Sequence

import torch
from torch import nn

from pruning.importance.base import Batches, Criterion, fold, parameters_of
from pruning.plan import Plan


class L1(Criterion):
    """Sum of the absolute values of all weights that the unit owns."""

    name = "l1"

    def _scores(self, model: nn.Module, plan: Plan, batches: Batches) -> Sequence[torch.Tensor]:
        return fold(plan, {name: weight.abs() for name, weight in parameters_of(model).items()})


class L2(Criterion):
    """Euclidean norm of all weights that the unit owns."""

    name = "l2"

    def _scores(self, model: nn.Module, plan: Plan, batches: Batches) -> Sequence[torch.Tensor]:
        squares = fold(plan, {name: weight.square() for name, weight in parameters_of(model).items()})
        return [total.sqrt() for total in squares]
