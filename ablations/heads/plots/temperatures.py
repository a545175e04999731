"""Figures across temperatures, and a heatmap of what agency changes at each temperature and level."""

from pathlib import Path

from matplotlib.colors import TwoSlopeNorm

from ablations.floor.figure import Direction
from ablations.heads.conditions import Arm
from ablations.heads.figures import FIGURES
from ablations.heads.plots.rows import Rows
from ablations.heads.plots.style import (
    COLOURS,
    MARKS,
    NAMES,
    SERIES,
    bars,
    finish,
    label_of,
    panels,
    save,
    share_legend,
    share_scale,
)


def draw_temperatures(rows: Rows, figure: str, path: Path) -> Path:
    """Draw a figure against temperature: a panel per level, a line per arm; criteria are averaged within each seed."""
    canvas, axes = panels(len(rows.levels), width=3.4)
    for panel, level in zip(axes, rows.levels, strict=True):
        for arm in Arm if not level else (Arm.PRUNED, Arm.PRUNED_WITH_AGENCY):
            estimates = [rows.estimated(figure, arm, None, level, temperature) for temperature in rows.temperatures]
            shifted = [temperature + _apart(rows) * list(Arm).index(arm) for temperature in rows.temperatures]
            bars(panel, shifted, estimates, color=COLOURS[arm], marker=MARKS[arm], label=NAMES[arm])
        title = f"{level:g} % of heads removed" if level else "all heads"
        finish(panel, title, "temperature", label_of(figure) if panel is axes[0] else "")
        panel.set_xticks(rows.temperatures)
        panel.margins(x=0.12)
    share_scale(axes)
    share_legend(canvas, axes[0])
    return save(canvas, path)


def draw_change_over_temperatures(rows: Rows, figure: str, path: Path) -> Path:
    """Draw by how many percent agency changes a figure, against temperature: a line per level."""
    canvas, (panel,) = panels(1, width=5.6)
    for number, level in enumerate(level for level in rows.levels if level):
        estimates = [rows.change(figure, None, level, temperature) for temperature in rows.temperatures]
        colour = SERIES[number % len(SERIES)]
        shifted = [temperature + _apart(rows) * number for temperature in rows.temperatures]
        bars(panel, shifted, estimates, color=colour, marker="os^D"[number % 4], label=f"{level:g} % of heads removed")
    panel.axhline(0, color="#1f2933", lw=0.8, ls=":")
    finish(panel, f"With agency: {FIGURES[figure].title}", "temperature", f"change, % ({_better(figure)})")
    panel.set_xticks(rows.temperatures)
    panel.margins(x=0.12)
    panel.legend(frameon=False, fontsize=9)
    return save(canvas, path)


def draw_heatmap(rows: Rows, figure: str, path: Path) -> Path:
    """Draw the same change as a table of temperature and level, for each criterion."""
    levels = [level for level in rows.levels if level]
    canvas, axes = panels(
        max(1, len(rows.methods)), width=0.9 * len(levels) + 1.4, height=0.8 * len(rows.temperatures) + 1.2
    )
    tables = {
        method: [
            [_mean(rows, figure, method, level, temperature) for level in levels] for temperature in rows.temperatures
        ]
        for method in rows.methods
    }
    most = max((abs(value) for table in tables.values() for line in table for value in line), default=0.0) or 1.0
    better_is_low = FIGURES[figure].better is Direction.LOWER
    for panel, (method, table) in zip(axes, tables.items(), strict=True):
        norm = TwoSlopeNorm(0, -most, most)
        image = panel.imshow(table, cmap="PuOr_r" if better_is_low else "PuOr", norm=norm, aspect="auto")
        for y, line in enumerate(table):
            for x, value in enumerate(line):
                colour = "white" if abs(value) > 0.6 * most else "#1f2933"
                panel.text(x, y, f"{value:+.1f} %", ha="center", va="center", color=colour, fontsize=9)
        finish(panel, method, "heads removed, %", "temperature" if panel is axes[0] else "")
        panel.grid(visible=False)
        panel.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
        panel.set_yticks(range(len(rows.temperatures)), [f"{temperature:g}" for temperature in rows.temperatures])
    canvas.colorbar(image, ax=axes, label=f"change by agency, %\n({_better(figure)})", shrink=0.9)
    canvas.suptitle(f"With agency: {FIGURES[figure].title}", fontsize=11, x=0.02, ha="left")
    return save(canvas, path)


def _apart(rows: Rows) -> float:
    """Return how far apart the marks of two lines are, so that their intervals can be told apart."""
    return 0.02 * (rows.temperatures[-1] - rows.temperatures[0])


def _mean(rows: Rows, figure: str, method: str, level: float, temperature: float) -> float:
    found = rows.change(figure, method, level, temperature)
    return float("nan") if found is None else found.mean


def _better(figure: str) -> str:
    match FIGURES[figure].better:
        case Direction.LOWER:
            return "below 0 is better"
        case Direction.HIGHER:
            return "above 0 is better"
        case None:
            return ""
