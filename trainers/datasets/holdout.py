"""Which training images are set aside to score strategies on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Partition:
    """All indices in two disjoint, sorted parts."""

    train: Indices
    holdout: Indices


def stratified_holdout(labels: Indices, *, fraction: float, seed: int, per_class_limit: int | None = None) -> Partition:
    """Set aside a fraction of each class.

    Every class has at least one image in both parts, so it needs two.

    Args:
        labels: [N] of all training images.
        fraction: share of each class, rounded to whole images.
        seed: decides which images.
        per_class_limit: most images of a class; None sets no limit.

    Raises:
        ValueError: a class has fewer than two images.
    """
    generator = np.random.default_rng(seed)
    chosen = [
        generator.permutation(members)[: _holdout_size(len(members), fraction, per_class_limit)]
        for members in _members_by_class(labels)
    ]
    holdout = np.sort(np.concatenate(chosen))
    train = np.setdiff1d(np.arange(len(labels)), holdout)
    return Partition(train=train, holdout=holdout)


def _members_by_class(labels: Indices) -> list[Indices]:
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


def _holdout_size(members: int, fraction: float, limit: int | None) -> int:
    if members < 2:
        raise ValueError(f"a class has {members} image: it needs at least 2 to be on both sides of the split")
    wanted = min(max(1, round(members * fraction)), members - 1)
    return wanted if limit is None else min(wanted, limit)
