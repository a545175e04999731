"""FPGM: the filters that others can replace are the least important.

He et al., 2019, arXiv:1811.00250, equation 4.
"""

from collections.abc import Sequence

import torch
from torch import nn

from pruning.importance.base import Batches, Criterion, parameters_of, slices
from pruning.plan import Plan


class Fpgm(Criterion):
    """Sum of the distances to all other units of the group, over the weights of every layer that a unit reaches."""

    name = "fpgm"

    def _scores(self, model: nn.Module, plan: Plan, batches: Batches) -> Sequence[torch.Tensor]:
        squared = [torch.zeros(group.units, group.units, dtype=torch.float64) for group in plan.groups]
        for group, units, rows in slices(plan, parameters_of(model)):
            for part in _one_row_per_unit(units, rows.double().cpu(), plan.groups[group].units):
                squared[group] += _squared_distances(part)
        return [distances.sqrt().sum(dim=1) for distances in squared]


def _one_row_per_unit(units: torch.Tensor, rows: torch.Tensor, count: int) -> list[torch.Tensor]:
    """Split the rows so that each part has one row per unit.

    A unit may own many rows (a dim of every head): the k-th rows of all units are compared with each other.
    """
    order = torch.argsort(units, stable=True)
    each = len(units) // count
    return list(rows[order].reshape(count, each, -1).unbind(1))


def _squared_distances(rows: torch.Tensor) -> torch.Tensor:
    norms = rows.square().sum(dim=1)
    return (norms[:, None] + norms[None, :] - 2 * rows @ rows.T).clamp_min(0)
