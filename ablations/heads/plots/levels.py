"""A figure against the pruning level: a panel per criterion, a line per arm, intervals over seeds."""

from pathlib import Path

from matplotlib.axes import Axes

from ablations.heads.conditions import Arm
from ablations.heads.plots.rows import Rows
from ablations.heads.plots.style import (
    COLOURS,
    MARKS,
    NAMES,
    bars,
    finish,
    label_of,
    panels,
    save,
    share_legend,
    share_scale,
)


def draw_levels(rows: Rows, figure: str, path: Path) -> Path:
    """Draw one figure; temperatures are averaged within each seed."""
    canvas, axes = panels(max(1, len(rows.methods)))
    for panel, method in zip(axes, rows.methods or [""], strict=True):
        draw_lines(panel, rows, figure, method)
        finish(panel, method, "heads removed, %", label_of(figure) if panel is axes[0] else "")
    share_scale(axes)
    share_legend(canvas, axes[0])
    return save(canvas, path)


def draw_lines(axes: Axes, rows: Rows, figure: str, method: str | None) -> None:
    """Draw the pruned arms over the levels, and the others, which have no level, as lines across."""
    for arm, line in ((Arm.DENSE, "--"), (Arm.AGENCY, ":")):
        found = rows.estimated(figure, arm)
        if found is not None:
            axes.axhline(found.mean, color=COLOURS[arm], ls=line, lw=1.3, label=NAMES[arm])
    for arm in (Arm.PRUNED, Arm.PRUNED_WITH_AGENCY):
        estimates = [rows.estimated(figure, arm, method, level) for level in rows.levels]
        bars(axes, rows.levels, estimates, color=COLOURS[arm], marker=MARKS[arm], label=NAMES[arm])
    axes.set_xticks(rows.levels)
