"""The comprehensive summary, and what agency changes in every figure."""

from pathlib import Path

from ablations.floor.figure import Direction
from ablations.heads.figures import FIGURES
from ablations.heads.plots.levels import draw_lines
from ablations.heads.plots.rows import Rows
from ablations.heads.plots.style import INK, SERIES, bars, finish, panels, save, share_legend, share_scale

SHOWN = (
    *("perplexity", "generation_perplexity", "lexical_diversity"),
    *("tokens_per_second", "first_token_latency_ms", "consent_violations"),
)
CHANGED = (
    *("perplexity", "generation_perplexity", "lexical_diversity"),
    *("repetition", "tokens_per_second", "first_token_latency_ms"),
)


def draw_summary(rows: Rows, path: Path) -> Path:
    """Draw six figures against the level; criteria and temperatures are averaged within each seed."""
    canvas, axes = panels(3, 2, width=4.3, height=3.3)
    for panel, figure in zip(axes, SHOWN, strict=True):
        draw_lines(panel, rows, figure, None)
        share_scale([panel])
        unit = FIGURES[figure].unit
        finish(panel, FIGURES[figure].title, "heads removed, %", unit)
    share_legend(canvas, axes[0])
    return save(canvas, path)


def draw_improvement(rows: Rows, path: Path) -> Path:
    """Draw by how many percent agency changes each figure at each level, from the pairs of each seed."""
    canvas, axes = panels(3, 2, width=3.9, height=3.0)
    levels = rows.levels
    for panel, figure in zip(axes, CHANGED, strict=True):
        for number, method in enumerate(rows.methods):
            estimates = [rows.change(figure, method, level) for level in levels]
            shift = 1.2 * (number - (len(rows.methods) - 1) / 2)
            look = {"color": SERIES[number % len(SERIES)], "marker": "os^Dvp"[number % 6], "label": method}
            bars(panel, [level + shift for level in levels], estimates, **look)
        panel.axhline(0, color=INK, lw=0.8, ls=":")
        lower = FIGURES[figure].better is Direction.LOWER
        finish(
            panel, FIGURES[figure].title, "heads removed, %", "change, % (lower is better)" if lower else "change, %"
        )
        panel.set_xticks(levels)
    share_legend(canvas, axes[0])
    return save(canvas, path)
