"""Means with their 95 % t-intervals, and the p-values of several comparisons at once."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit

CONFIDENCE = 0.95
SIGNIFICANCE = 1 - CONFIDENCE


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean of `n` values and the interval [low, high] that holds the true mean with 95 % confidence.

    The interval is Student's (mean ± t₀.₉₇₅,ₙ₋₁ · s/√n); one value has none, and then `low` and `high` are None.
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


def p_of_mean_zero(differences: Sequence[float]) -> float | None:
    """Two-sided p-value of Student's paired t-test that the mean difference is zero; None for fewer than two pairs.

    Differences that are all the same have no spread: all zero gives 1, all equal to something else gives 0.
    """
    n = len(differences)
    if n < 2:
        return None
    mean = math.fsum(differences) / n
    variance = math.fsum((value - mean) ** 2 for value in differences) / (n - 1)
    # Rounding alone spreads equal differences by parts in 10¹⁶ of what they were computed from, which is at most 1.
    if variance < 1e-28:
        return 1.0 if abs(mean) < 1e-14 else 0.0
    return float(2 * stdtr(n - 1, -abs(mean) / math.sqrt(variance / n)))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment (Scand. J. Statist. 6, 1979), which bounds the chance of one false verdict among all.

    Adjusted values come in the order given; what was None stays None and is not counted as a comparison.
    """
    ordered = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    reached = 0.0
    for step, (p, index) in enumerate(ordered):
        reached = max(reached, min(1.0, (len(ordered) - step) * p))
        adjusted[index] = reached
    return adjusted


def _half_width(values: Sequence[float], mean: float) -> float | None:
    n = len(values)
    if n < 2:
        return None
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2)) * deviation / math.sqrt(n)
