"""What the plots share: a canvas, bars of intervals, and one colour for each arm."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from ablations.floor.drawing import DPI, colour, mark
from ablations.resources.arms.outcomes import Outcomes
from ablations.resources.statistics.interval import Interval


@contextmanager
def canvas(path: Path, columns: int = 1, width: float = 6.4, height: float = 4.4) -> Iterator[list[Axes]]:
    """Yield the panels of a drawing, which is written when the block ends."""
    drawing, panels = plt.subplots(
        1, columns, figsize=(width * columns, height), layout="constrained", facecolor="white", squeeze=False
    )
    try:
        yield list(panels.flat)
        drawing.savefig(path, dpi=DPI)
    finally:
        plt.close(drawing)


def reach(interval: Interval, scale: float = 1.0) -> tuple[list[float], list[float]]:
    """Return how far the bounds are from the value, as `errorbar` takes it; a side without a bound has no bar."""
    low = interval.value if interval.low is None else interval.low
    high = interval.value if interval.high is None else interval.high
    return [max(0.0, interval.value - low) * scale], [max(0.0, high - interval.value) * scale]


def colours(outcomes: Outcomes) -> dict[str, tuple[str, str]]:
    """Return colour and marker of each arm, by its name."""
    return {arm.name: (colour(number), mark(number)) for number, arm in enumerate(outcomes.arms)}
