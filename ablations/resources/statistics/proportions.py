"""Proportions and differences of paired proportions, with intervals that hold also near 0 and 1."""

import math
from collections.abc import Sequence

from scipy.special import bdtr, ndtri

from ablations.floor.statistics import CONFIDENCE, is_rounding
from ablations.resources.statistics.interval import Interval

_Z = float(ndtri(0.5 + CONFIDENCE / 2))


def wilson(successes: int, count: int) -> Interval | None:
    """Return a proportion with Wilson's interval (J. Am. Stat. Assoc. 22, 1927); None of nothing."""
    return None if count == 0 else _wilson(successes / count, count)


def _wilson(share: float, count: float) -> Interval:
    z2 = _Z * _Z
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count)) / (1 + z2 / count)
    # at 0 and at all the bound is the share itself, which rounding would miss
    low, high = min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half))
    return Interval(share, low, high)


def mean_share(shares: Sequence[float]) -> Interval | None:
    """Return the mean of shares of tasks, such as pass@k, with Wilson's interval for the effective number of tasks.

    The effective number is that of ones and zeros with the same variance of the mean, as for proportions in surveys
    (Korn and Graubard, Surv. Methodol. 24, 1998). So the interval stays within 0 and 1, and has a width also where all
    shares are 1, which the bootstrap's has not.
    """
    count = len(shares)
    if count == 0:
        return None
    mean = math.fsum(shares) / count
    variance = math.fsum((share - mean) ** 2 for share in shares) / max(1, count - 1)
    effective = count if is_rounding(variance) else mean * (1 - mean) / (variance / count)
    return _wilson(min(1.0, mean), effective)


def paired_difference(second: Sequence[bool], first: Sequence[bool]) -> Interval | None:
    """Return the proportion of `second` minus that of `first`, on the same tasks, with Newcombe's interval.

    It joins Wilson's intervals of both and the correlation of the pairs (method 10 of Newcombe, Stat. Med. 17, 1998,
    2635-2650); an interval from the mean of differences has no width where all pairs agree.
    """
    count = len(first)
    assert len(second) == count, "the pairs are of the same tasks"
    p2, p1 = wilson(sum(second), count), wilson(sum(first), count)
    if p1 is None or p2 is None or p1.low is None or p1.high is None or p2.low is None or p2.high is None:
        return None
    phi = _correlation(second, first)
    difference = p2.value - p1.value
    down2, up2, down1, up1 = p2.value - p2.low, p2.high - p2.value, p1.value - p1.low, p1.high - p1.value
    below = math.sqrt(max(0.0, down2 * down2 - 2 * phi * down2 * up1 + up1 * up1))
    above = math.sqrt(max(0.0, up2 * up2 - 2 * phi * up2 * down1 + down1 * down1))
    return Interval(difference, max(-1.0, difference - below), min(1.0, difference + above))


def mcnemar(second: Sequence[bool], first: Sequence[bool]) -> float:
    """Return the two-sided p-value of McNemar's exact test: whether disagreements are as often for one as the other."""
    gained = sum(b and not a for b, a in zip(second, first, strict=True))
    lost = sum(a and not b for b, a in zip(second, first, strict=True))
    return 1.0 if gained == lost else min(1.0, 2 * float(bdtr(min(gained, lost), gained + lost, 0.5)))


def _correlation(second: Sequence[bool], first: Sequence[bool]) -> float:
    """Return Newcombe's φ of the 2×2 table, with his correction of positive ones; 0 where a margin is empty."""
    pairs = list(zip(second, first, strict=True))
    both, neither = pairs.count((True, True)), pairs.count((False, False))
    only2, only1 = pairs.count((True, False)), pairs.count((False, True))
    margins = (both + only2) * (both + only1) * (neither + only2) * (neither + only1)
    if margins == 0:
        return 0.0
    cross = float(both * neither - only2 * only1)
    corrected = max(cross - len(pairs) / 2, 0.0) if cross > 0 else cross
    return corrected / math.sqrt(margins)
