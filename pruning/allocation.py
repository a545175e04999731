"""Turn a keep ratio per isomorphic set into units kept per group."""

from collections.abc import Sequence

import torch

from pruning.errors import AllocationError
from pruning.importance.base import Scores
from pruning.plan import Allocation, IsomorphicSet, Plan


def allocate(
    plan: Plan, ratios: Sequence[float], *, scores: Scores | None = None, comparable: bool = False
) -> Allocation:
    """The units that each group keeps if each isomorphic set keeps its ratio.

    Without scores every group of a set keeps the same share. With scores the set's units are ranked together, so
    a group of unimportant units keeps fewer. Scores are compared relative to their group's mean, because the
    layers of a set need not have weights of equal size. Every group keeps at least one unit.

    Args:
        plan: the model's plan.
        ratios: share of units to keep, in (0, 1], one per isomorphic set.
        scores: importance of each unit; None keeps equal shares.
        comparable: whether the scores are on one scale already, so that they are ranked without normalisation.

    Raises:
        AllocationError: the number of ratios differs from the number of sets, or a ratio is outside (0, 1].
    """
    if len(ratios) != len(plan.sets):
        raise AllocationError(f"got {len(ratios)} keep ratios; this plan has {len(plan.sets)} isomorphic sets")
    kept = [0] * len(plan.groups)
    for alike, ratio in zip(plan.sets, ratios, strict=True):
        if not 0 < ratio <= 1:
            raise AllocationError(
                f"the keep ratio of set {alike.index} ({alike.label}) is {ratio}; above 0 and up to 1 works"
            )
        if scores is None:
            counts = _even(alike, ratio)
        else:
            counts = _ranked(alike, ratio, torch.stack([scores[g].double() for g in alike.groups]), comparable)
        for group, count in zip(alike.groups, counts, strict=True):
            kept[group] = count
    return tuple(kept)


def _even(alike: IsomorphicSet, ratio: float) -> list[int]:
    return [max(1, round(ratio * alike.units))] * len(alike.groups)


def _ranked(alike: IsomorphicSet, ratio: float, scores: torch.Tensor, comparable: bool) -> list[int]:
    """Keep each group's best unit, then the set's best among all others."""
    total = max(len(scores), round(ratio * alike.units * len(scores)))
    means = scores.mean(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)
    relative = scores.clone() if comparable else scores / means
    relative[torch.arange(len(scores)), relative.argmax(dim=1)] = torch.inf
    best = torch.argsort(relative.flatten(), descending=True, stable=True)[:total]
    return torch.bincount(best // alike.units, minlength=len(scores)).tolist()
