"""Which training images are set aside to score strategies with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Partition:
    """Two disjoint sorted sets of indices that together are all of them."""

    train: Indices
    holdout: Indices


def stratified_holdout(labels: Indices, *, fraction: float, seed: int, per_class_limit: int | None = None) -> Partition:
    """Sets aside `fraction` of each class (rounded; at least one image, at most `per_class_limit`).

    Every class keeps at least one image on both sides, so it needs two.
    Raises ValueError when a class has fewer.
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
