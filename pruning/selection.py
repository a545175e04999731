"""Select the units of each group that stay: those with the highest scores."""

import torch

from pruning.errors import AllocationError
from pruning.importance.base import Scores
from pruning.plan import Allocation
from pruning.slicing import Selection


def select(scores: Scores, allocation: Allocation) -> Selection:
    """The `allocation[g]` units of group g with the highest scores, in ascending order; ties go to the first units.

    Raises:
        AllocationError: the allocation does not fit the groups of the scores.
    """
    if len(scores) != len(allocation):
        raise AllocationError(f"got scores of {len(scores)} groups and counts of {len(allocation)}")
    return tuple(_best(score, count) for score, count in zip(scores, allocation, strict=True))


def _best(score: torch.Tensor, count: int) -> tuple[int, ...]:
    if not 1 <= count <= len(score):
        raise AllocationError(f"{count} of {len(score)} units cannot be kept")
    order = torch.argsort(score, descending=True, stable=True)
    return tuple(sorted(order[:count].tolist()))
