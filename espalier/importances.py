"""Importance of units: a criterion by name, one of your own, and the data that it needs."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

import torch
from torch import nn

from pruning.errors import CriterionError
from pruning.importance.base import Batches, Criterion, Scores
from pruning.importance.registry import importance as criterion_called
from pruning.plan import Plan

Importance = str | Criterion | Callable[[nn.Module, Plan], Sequence[torch.Tensor]]
"""The name of a criterion (`l1`, `l2`, `lamp`, `fpgm`, `taylor`, `hessian`, `random`), a `Criterion`, or a function of
module and plan that returns a tensor of scores for each group: one score a unit, higher is more important."""
Data = Iterable[tuple[torch.Tensor, torch.Tensor]]
"""Batches of images and labels: a DataLoader, or a list."""


class _Own(Criterion):
    """A user's function as a criterion."""

    def __init__(self, function: Callable[[nn.Module, Plan], Sequence[torch.Tensor]]) -> None:
        self._function = function

    def _scores(self, model: nn.Module, plan: Plan, batches: Batches) -> Sequence[torch.Tensor]:
        found = [torch.as_tensor(scores) for scores in self._function(model, plan)]
        wanted = [group.units for group in plan.groups]
        shapes = [list(scores.shape) for scores in found]
        if shapes != [[units] for units in wanted]:
            raise CriterionError(
                f"the criterion of your own returned tensors of the shapes {shapes[:8]}: one for each of the "
                f"{len(wanted)} groups would work, with a score a unit: {wanted[:8]}"
            )
        return found


_Own.name = "own"


def criterion_of(importance: Importance) -> Criterion:
    """The criterion that was asked for.

    Raises:
        UnknownCriterionError: none has that name.
        CriterionError: it is neither a name, a criterion nor a function.
    """
    if isinstance(importance, str):
        return criterion_called(importance)
    if isinstance(importance, Criterion):
        return importance
    if isinstance(importance, type) or not callable(importance):
        raise CriterionError(
            f"importance = {importance!r:.80} is no criterion: a name such as 'l2', an espalier.Criterion or a "
            "function of module and plan would work"
        )
    return _Own(importance)


def scores_of(importance: Importance, model: nn.Module, plan: Plan, data: Data | None, batches: int) -> Scores:
    """Score every unit.

    Raises:
        CriterionError: data is needed and not there, or a batch is no pair of tensors.
    """
    criterion = criterion_of(importance)
    if not criterion.needs_batches:
        return criterion.scores(model, plan)
    if data is None:
        raise CriterionError(
            f"the criterion {criterion.name!r} needs data: pass data=, a DataLoader of images and labels"
        )
    return criterion.scores(model, plan, [_pair(batch) for batch in islice(data, batches)])


def _pair(batch: object) -> tuple[torch.Tensor, torch.Tensor]:
    if isinstance(batch, tuple | list) and len(batch) == 2:
        images, labels = batch
        if isinstance(images, torch.Tensor) and isinstance(labels, torch.Tensor):
            return images, labels
    raise CriterionError(f"data yielded a {type(batch).__name__}, not a pair of tensors: images and labels")
