"""What has a level at each moment, as memory: its average over time and its peak."""

from collections.abc import Sequence
from itertools import pairwise

from ablations.resources.metering.quantity import Quantity

Levels = Sequence[tuple[float, float]]
"""Moments in seconds, with values."""


def mean(levels: Levels, unit: str, why: str) -> Quantity:
    """The average over time, by the trapezoidal rule: the distances between samples differ."""
    area = sum((end - begin) * (low + high) / 2 for (begin, low), (end, high) in pairwise(levels))
    return Quantity.derived(area / (levels[-1][0] - levels[0][0]), unit, f"average over time: {why}")


def peak(levels: Levels, unit: str, why: str) -> Quantity:
    """The highest."""
    return Quantity.measured(max(value for _, value in levels), unit, why)
