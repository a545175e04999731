"""Means with 95 % t-intervals, and p-values with a correction for multiple comparisons."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit

CONFIDENCE = 0.95
SIGNIFICANCE = 1 - CONFIDENCE


@dataclass(frozen=True, slots=True)
class Estimate:
    """The mean of `n` values, with its 95 % confidence interval [low, high].

    The interval is Student's: mean ± t₀.₉₇₅,ₙ₋₁ · s/√n. A single value has none; `low` and `high` are then None.
    """

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval; None for a single value."""
        return None if self.high is None else self.high - self.mean


def estimate(values: Iterable[float | None]) -> Estimate | None:
    """Estimate the mean of the values that are not None; None if there are none."""
    known = [float(value) for value in values if value is not None]
    if not known:
        return None
    mean = math.fsum(known) / len(known)
    half = _half_width(known, mean)
    return Estimate(mean, None if half is None else mean - half, None if half is None else mean + half, len(known))


def paired_p_value(differences: Sequence[float]) -> float | None:
    """Return the two-sided p-value of Student's paired t-test, whose null hypothesis is a mean difference of zero.

    Equal differences have no spread: the p-value is 1 if all are zero, and 0 if they all equal another value.

    Returns:
        The p-value; None for fewer than two pairs.
    """
    n = len(differences)
    if n < 2:
        return None
    mean = math.fsum(differences) / n
    variance = math.fsum((value - mean) ** 2 for value in differences) / (n - 1)
    # Rounding alone spreads equal differences of accuracies, which are at most 1, by about 10⁻¹⁶.
    if variance < 1e-28:
        return 1.0 if abs(mean) < 1e-14 else 0.0
    return float(2 * stdtr(n - 1, -abs(mean) / math.sqrt(variance / n)))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust p-values by Holm's step-down method (Scand. J. Statist. 6, 1979), which bounds the family-wise error rate.

    Returns:
        The adjusted values in the order given. None stays None and does not count as a comparison.
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
