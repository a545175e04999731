"""The frame around a chart: grid, named values on both axes, and what the axes are."""

from collections.abc import Iterator, Sequence
from itertools import count

from search.outcome.charts.scale import Scale, share_labels, share_scale
from search.outcome.charts.svg import Canvas

WIDTH, HEIGHT = 480.0, 290.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 16.0, 14.0, 46.0


class Frame:
    """An area with two axes on a canvas of its own."""

    def __init__(
        self, label: str, shares: Sequence[float], x_range: tuple[float, float], *, height: float = HEIGHT
    ) -> None:
        """Begin with an empty frame.

        Args:
            label: what the chart shows.
            shares: that are drawn, between 0 and 1; they decide the vertical axis.
            x_range: the least and the largest value of the horizontal axis.
            height: of the chart.
        """
        self.canvas = Canvas(WIDTH, height, label)
        self.y = share_scale(shares, height - BOTTOM, TOP)
        self.x = Scale(*x_range, LEFT, WIDTH - RIGHT)
        ticks = self.y.ticks()
        self.name_y(ticks, share_labels(ticks))

    def name_y(self, ticks: Sequence[float], labels: Sequence[str]) -> None:
        """Name values of the vertical axis, each with a line of the grid."""
        for tick, label in zip(ticks, labels, strict=True):
            self.canvas.line((LEFT, self.y(tick)), (WIDTH - RIGHT, self.y(tick)), "grid")
            self.canvas.text((LEFT - 6, self.y(tick) + 4), label, "end")

    def name_x(self, ticks: Sequence[float], labels: Sequence[str], axis: str) -> None:
        """Name values of the horizontal axis, and the axis itself."""
        bottom = self.canvas.height - BOTTOM
        self.canvas.line((LEFT, bottom), (WIDTH - RIGHT, bottom), "axis")
        for tick, label in zip(ticks, labels, strict=True):
            self.canvas.text((self.x(tick), bottom + 16), label, "mid")
        self.canvas.text(((LEFT + WIDTH - RIGHT) / 2, self.canvas.height - 8), axis, "mid soft")

    def across(self, value: float, words: str, *, at_left: bool = False, below: bool = False) -> None:
        """Draw a dashed line across at a share, named at one of its ends, above it or below."""
        y = self.y(value)
        self.canvas.line((LEFT, y), (WIDTH - RIGHT, y), "target", words)
        place = (LEFT + 4 if at_left else WIDTH - RIGHT, y + 14 if below or y <= TOP + 14 else y - 5)
        self.canvas.text(place, words, "soft" if at_left else "end soft")


def whole_ticks(last: int, first: int = 0, most: int = 8) -> list[float]:
    """Return whole numbers from `first` to `last`, evenly spaced."""
    step = next(size for size in _steps() if (last - first) / size <= most - 1)
    return [float(number) for number in range(-(-first // step) * step, last + 1, step)]


def _steps() -> Iterator[int]:
    return (digit * 10**power for power in count() for digit in (1, 2, 5))
