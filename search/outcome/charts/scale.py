"""From values to pixels, and the round values that an axis names."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

ROUND = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear scale: `low` is at the pixel `start`, `high` at `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, most: int = 7) -> list[float]:
        """Return at most so many round values within the scale, evenly spaced; at least one."""
        step = _step((self.high - self.low) / max(1, most - 1))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)] or [self.low]


def share_scale(values: Sequence[float], start: float, end: float) -> Scale:
    """Return a scale for shares of one, with room around them, and never beyond what a share can be."""
    low, high = min(values), max(values)
    room = max(0.12 * (high - low), 0.005)
    return Scale(max(0.0, low - room), min(1.0, high + room) if high < 1 else 1.0, start, end)


def share_labels(ticks: Sequence[float]) -> list[str]:
    """Return the ticks as percentages, with as many decimals as it takes to be exact about them."""
    for decimals in range(4):
        labels = [f"{100 * tick:.{decimals}f} %" for tick in ticks]
        if all(abs(round(100 * tick, decimals) - 100 * tick) < 1e-6 for tick in ticks):
            return labels
    return labels


def _step(least: float) -> float:
    """Return the smallest round number that is not below `least`."""
    size: float = 10.0 ** math.floor(math.log10(least))
    return next(size * number for number in ROUND if size * number >= least * (1 - 1e-9))
