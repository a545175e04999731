"""What all plots of studies look like: colours, marks, grid and legend."""

import matplotlib

matplotlib.use("Agg")
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

INK = "#1f2933"
GRID = "#e2e8f0"
DPI = 130
# Okabe and Ito's palette, whose colours can be distinguished with any kind of colour vision. Beyond eight arms the
# colours repeat with other markers.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
MARKS = ("o", "s", "^", "D")


def colour(number: int) -> str:
    """Return the colour of the series with this number."""
    return PALETTE[number % len(PALETTE)]


def mark(number: int) -> str:
    """Return the marker of the series with this number; it changes where the colours repeat."""
    return MARKS[number // len(PALETTE) % len(MARKS)]


OVER = 0.004
"""Above 100 % and below 0 %, so that a mark there is whole."""


def limit_to_shares(axes: Axes) -> None:
    """Make the vertical axis one of shares: nothing beyond 0 and 100 %, and no two ticks with one label."""
    low, high = axes.get_ylim()
    axes.set_ylim(max(-OVER, low), min(1 + OVER, high))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))


def finish(axes: Axes, title: str, *, legend: bool = True) -> None:
    """Give a panel its title, a quiet grid, and a legend if anything in it has a label."""
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRID, lw=0.8)
    axes.set_axisbelow(True)
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8)
