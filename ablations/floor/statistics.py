"""Means with 95 % t-intervals, and p-values with a correction for multiple comparisons."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit

CONFIDENCE = 0.95
SIGNIFICANCE = 1 - CONFIDENCE


@dataclass(frozen=True, slots=True)
class Estimate:
    """The mean of `n` values, with its 95 % confidence interval [low, high] and their standard deviation.

    The interval of `estimate` is Student's: mean ± t₀.₉₇₅,ₙ₋₁ · s/√n. A single value has neither; `low`, `high` and
    `sd` are then None. Intervals of other kinds may have one bound only, or lie to one side.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    sd: float | None = None

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval; None for a single value."""
        return None if self.high is None else self.high - self.mean

    @property
    def is_symmetric(self) -> bool:
        """Whether both bounds are equally far from the mean."""
        if self.low is None or self.high is None:
            return False
        up, down = self.high - self.mean, self.mean - self.low
        return abs(up - down) <= 1e-9 * max(abs(up), abs(down), abs(self.mean))


def estimate(values: Iterable[float | None]) -> Estimate | None:
    """Estimate the mean of the values that are not None; None if there are none."""
    known = [float(value) for value in values if value is not None]
    if not known:
        return None
    mean = math.fsum(known) / len(known)
    deviation, half = _spread(known, mean)
    low, high = (None, None) if half is None else (mean - half, mean + half)
    return Estimate(mean, low, high, len(known), deviation)


def paired_p_value(differences: Sequence[float], scale: float = 1.0) -> float | None:
    """Return the two-sided p-value of Student's paired t-test, whose null hypothesis is a mean difference of zero.

    Equal differences have no spread: the p-value is 1 if all are zero, and 0 if they all equal another value.

    Args:
        differences: One for each pair.
        scale: The largest of the values that were subtracted, in size; that of accuracies is 1.

    Returns:
        The p-value; None for fewer than two pairs.
    """
    n = len(differences)
    if n < 2:
        return None
    mean = math.fsum(differences) / n
    variance = math.fsum((value - mean) ** 2 for value in differences) / (n - 1)
    if is_rounding(math.sqrt(variance), scale):
        return 1.0 if is_rounding(mean, scale) else 0.0
    return float(2 * stdtr(n - 1, -abs(mean) / math.sqrt(variance / n)))


def is_rounding(value: float, scale: float = 1.0) -> bool:
    """Whether a difference, or a spread of differences, is rounding: that of numbers up to 1 is about 10⁻¹⁶."""
    return abs(value) <= 1e-14 * scale  # 0 is rounding even where all is 0


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


def _spread(values: Sequence[float], mean: float) -> tuple[float | None, float | None]:
    """Return the standard deviation and half the width of the interval; None for a single value."""
    n = len(values)
    if n < 2:
        return None, None
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return deviation, float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2)) * deviation / math.sqrt(n)
