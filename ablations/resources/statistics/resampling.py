"""The bootstrap over tasks: intervals of means, ratios and whatever else follows from sums over tasks."""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from ablations.floor.statistics import CONFIDENCE
from ablations.resources.statistics.interval import Interval

Numbers = npt.NDArray[np.float64]
RESAMPLES = 2000
_SEED = 20261127
"""The resamples are the same in every process, so that a report made again is the same."""


def resampled(count: int, resamples: int = RESAMPLES) -> Numbers:
    """Return how often each of `count` tasks is in each resample: one row per resample."""
    return _weights(count, resamples)


def interval(of: Callable[..., Numbers], *columns: Sequence[float]) -> Interval | None:
    """Return a function of sums over tasks, with the percentile interval of the bootstrap.

    Args:
        of: Takes the sum of each column, as numbers or as arrays of resampled sums, and returns the like.
        columns: A number of each task.

    Returns:
        None if there is no task, or the value is not finite, as that of a ratio without a denominator. A bound is None
        where the resamples go beyond all bounds.
    """
    table = np.asarray(columns, dtype=np.float64)
    if table.shape[1] == 0:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(of(*table.sum(axis=1)))
        drawn = of(*(resampled(table.shape[1]) @ table.T).T)
    if not np.isfinite(value):
        return None
    # What is no number at all (0/0: nothing solved and nothing used) says nothing of either bound.
    known = np.sort(drawn[~np.isnan(drawn)])
    low, high = (known[_rank(len(known), share)] for share in ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return Interval(value, _bound(low), _bound(high))


def ratio(top: Sequence[float], bottom: Sequence[float]) -> Interval | None:
    """Return the ratio of two sums over the same tasks."""
    return interval(lambda above, below: above / below, top, bottom)


def mean(values: Sequence[float]) -> Interval | None:
    """Return the mean over tasks."""
    return ratio(values, [1.0] * len(values))


@cache
def _weights(count: int, resamples: int) -> Numbers:
    drawn = np.random.default_rng(_SEED).multinomial(count, [1 / count] * count, size=resamples)
    return drawn.astype(np.float64)


def _rank(count: int, share: float) -> int:
    return min(count - 1, max(0, round(share * (count - 1))))


def _bound(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None
