"""The interface of importance criteria, and what most of them share: sums of weights along the owner maps."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import torch
from torch import nn

from pruning.errors import CriterionError
from pruning.masks import without_masks
from pruning.plan import Plan

# For each group one float32 score per unit, all finite and not negative; higher is more important.
Scores = tuple[torch.Tensor, ...]
# Images `[N, C, H, W]` with labels `[N]`.
Batches = Sequence[tuple[torch.Tensor, torch.Tensor]]


class Criterion(ABC):
    """Scores the units of every group of a plan.

    Attributes:
        name: the name by which users select it.
        needs_batches: whether it needs data.
        estimates_loss: whether a score estimates the change of the loss, which makes scores of all layers comparable.
    """

    name: ClassVar[str]
    needs_batches: ClassVar[bool] = False
    estimates_loss: ClassVar[bool] = False

    def scores(self, model: nn.Module, plan: Plan, batches: Batches | None = None) -> Scores:
        """Score the units of every group. The model's weights, buffers, gradients and mode are not changed.

        Args:
            model: the unpruned model.
            plan: its plan.
            batches: images and labels, for criteria that need data.

        Returns:
            For each group a float32 tensor `[units]` on the CPU; higher is more important.

        Raises:
            CriterionError: the criterion needs batches and got none, or a score is not finite.
        """
        if self.needs_batches and not batches:
            raise CriterionError(f"the criterion {self.name!r} needs data: pass at least one batch")
        found = self._scores(without_masks(model), plan, batches or ())
        scores = tuple(score.detach().float().cpu() for score in found)
        for group, score in zip(plan.groups, scores, strict=True):
            if not torch.isfinite(score).all():
                raise CriterionError(f"{self.name} gave group {group.name!r} a score that is not finite")
        return scores

    @abstractmethod
    def _scores(self, model: nn.Module, plan: Plan, batches: Batches) -> Sequence[torch.Tensor]:
        """One score per unit and group."""


def fold(plan: Plan, values: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
    """Add up, for each unit, the values of all weights that are cut with it.

    Args:
        plan: the model's plan.
        values: parameter name → a value per weight, of the parameter's shape.

    Returns:
        For each group a float64 tensor `[units]`.
    """
    totals = [torch.zeros(group.units, dtype=torch.float64) for group in plan.groups]
    for group, units, value in slices(plan, values):
        totals[group].index_add_(0, units, value.sum(dim=1, dtype=torch.float64).cpu())
    return totals


def slices(plan: Plan, values: Mapping[str, torch.Tensor]) -> Iterator[tuple[int, torch.Tensor, torch.Tensor]]:
    """Iterate over the parameter dimensions that groups own.

    Yields:
        The group, the unit of each row `[rows]`, and the rows themselves `[rows, weights]`.
    """
    for name, owners in plan.parameters.items():
        if name not in values:
            continue
        for dim, place in enumerate(owners):
            owner = plan.owners[place]
            for group in dict.fromkeys(owner.groups()):
                units = owner.units(group)
                rows = (
                    values[name].detach().movedim(dim, 0).flatten(1)
                    if values[name].dim() > 1
                    else values[name].detach()[:, None]
                )
                owned = units >= 0
                yield group, units[owned], rows[owned.to(rows.device)]


def parameters_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """Weights by name, without buffers: running statistics do not count as importance."""
    return {name: parameter.detach() for name, parameter in model.named_parameters()}
