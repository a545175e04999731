"""Which heads are removed: volunteers first, then those that matter least."""

from collections.abc import Collection

import torch
from torch import Tensor

from ablations.heads.errors import ConstantImportanceError
from ablations.heads.importance.base import Evidence, Importance
from ablations.heads.language_model import Head


def heads_to_remove(level: float, heads: int) -> int:
    """Return how many of `heads` a level in percent removes: the nearest number, halves rounded up."""
    return int(level * heads / 100 + 0.5)


def select(
    importance: Importance, evidence: Evidence, count: int, volunteers: Collection[Head] = ()
) -> tuple[Head, ...]:
    """Select heads from all layers together.

    Args:
        importance: the criterion.
        evidence: what it looks at.
        count: how many heads are removed.
        volunteers: heads that go before all others, among themselves by the criterion.

    Returns:
        The heads in the order of their removal; of heads with equal scores, the first goes first.

    Raises:
        ConstantImportanceError: the criterion cannot tell the heads apart.
    """
    chosen: list[Head] = []
    scores: Tensor | None = None
    while len(chosen) < count:
        if scores is None or importance.recomputed:
            scores = _checked(importance, importance.scores(evidence, frozenset(chosen)), chosen)
        left = [head for head in evidence.model.all_heads if head not in chosen]
        table = scores
        chosen.append(min(left, key=lambda head: (head not in volunteers, float(table[head]), head)))
    return tuple(chosen)


def _checked(importance: Importance, scores: Tensor, chosen: Collection[Head]) -> Tensor:
    left = torch.ones_like(scores, dtype=torch.bool)
    for head in chosen:
        left[head] = False
    values = scores[left]
    if not bool(torch.isfinite(values).all()):
        raise ConstantImportanceError(
            f"The criterion {importance.name!r} gives a head a score that is no finite number: {values.tolist()}. "
            "Choose another --pruning-method, or --precision float32."
        )
    if len(values) > 1 and bool((values == values[0]).all()):
        raise ConstantImportanceError(
            f"The criterion {importance.name!r} gives all {len(values)} heads the same score, "
            f"{float(values[0]):.6g}: it selects nothing. Choose another --pruning-method, or a model whose heads "
            "differ."
        )
    return scores
