"""Means with their 95 % t-intervals."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean of ``n`` values and the interval [low, high] that holds the true mean with 95 % confidence.

    The interval is Student's (mean ± t₀.₉₇₅,ₙ₋₁ · s/√n); one value has none, and then ``low`` and ``high`` are None.
    """

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def half_width(self) -> float | None:
        return None if self.high is None else self.high - self.mean


def estimate(values: Iterable[float | None]) -> Estimate | None:
    """The estimate from the values that are there; None when none is."""
    known = [float(value) for value in values if value is not None]
    if not known:
        return None
    mean = math.fsum(known) / len(known)
    half = _half_width(known, mean)
    return Estimate(mean, None if half is None else mean - half, None if half is None else mean + half, len(known))


def _half_width(values: Sequence[float], mean: float) -> float | None:
    n = len(values)
    if n < 2:
        return None
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2)) * deviation / math.sqrt(n)
