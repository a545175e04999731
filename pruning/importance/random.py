"""Random scores: the baseline that every criterion has to beat."""

from collections.abc import Sequence

import torch
from torch import nn

from pruning.importance.base import Batches, Criterion
from pruning.plan import Plan


class Random(Criterion):
    """Uniform scores that depend on the seed and not on the weights."""

    name = "random"

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def _scores(self, model: nn.Module, plan: Plan, batches: Batches) -> Sequence[torch.Tensor]:
        generator = torch.Generator().manual_seed(self._seed)
        return [torch.rand(group.units, generator=generator) for group in plan.groups]
