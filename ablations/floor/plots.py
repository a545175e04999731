"""The plots that every study has: a figure across a factor, with 95 % intervals over the seeds."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from ablations.floor.condition import Level
from ablations.floor.drawing import DPI, colour, finish, mark
from ablations.floor.figure import Figure
from ablations.floor.figure_plot import FigurePlot
from ablations.floor.results import Results
from ablations.floor.statistics import Estimate, estimate

_WIDTH, _HEIGHT, _LEGEND = 5.4, 4.2, 1.6
_MOST_COLUMNS = 3
_MOST_TICKS = 8
_MOST_LETTERS = 48
"""Of all levels together that stand side by side without being turned."""
_SPREAD, _DODGE = 0.5, 0.12
"""The parts of the smallest distance between two places on an axis over which the series of one place are spread: for
names, and for numbers, where a small shift keeps the bars apart."""


def default_plots(figures: Sequence[Figure], results: Results) -> tuple[FigurePlot, ...]:
    """Return one plot per figure: across the first factor with several numbers, a line per level of the first other."""
    varying = [name for name in results.factors() if len(results.levels(name)) > 1]
    numbers = [name for name in varying if not any(isinstance(level, str) for level in results.levels(name))]
    if not varying:
        return ()
    across = (numbers or varying)[0]
    others = [name for name in varying if name != across]
    series, panels = [*others, None, None][:2]
    return tuple(FigurePlot(figure=figure.key, across=across, series=series, panels=panels) for figure in figures)


def draw_figure_plots(
    plots: Sequence[FigurePlot], figures: Sequence[Figure], results: Results, folder: Path
) -> tuple[tuple[str, Path], ...]:
    """Draw every plot for which there is data.

    Returns:
        The caption and the file of each plot.
    """
    known = {figure.key: figure for figure in figures}
    made = []
    for plot in plots:
        drawn = results.where(plot.of)
        if _drawable(plot, drawn).outcomes:
            path = folder / plot.file_name
            _draw(plot, known[plot.figure], drawn, path)
            made.append((plot.caption or _caption(plot, known[plot.figure]), path))
    return tuple(made)


def _caption(plot: FigurePlot, figure: Figure) -> str:
    by = "".join(f", by {_words(name)}" for name in (plot.series, plot.panels) if name)
    what = f"{figure.title} across {_words(plot.across)}{by}"
    better = f" ({figure.better} is better)" if figure.better else ""
    return f"{what}: mean and 95 % interval over seeds{better}"


def _draw(plot: FigurePlot, figure: Figure, results: Results, path: Path) -> None:
    results = _drawable(plot, results)
    parts = _panels(plot, results)
    columns = len(parts) if len(parts) <= _MOST_COLUMNS else min(_MOST_COLUMNS, math.ceil(math.sqrt(len(parts))))
    rows = math.ceil(len(parts) / columns)
    size = (_WIDTH * columns + (_LEGEND if plot.series else 0), _HEIGHT * rows)
    drawing, grid = plt.subplots(
        rows, columns, figsize=size, layout="constrained", facecolor="white", squeeze=False, sharex=True, sharey=True
    )
    panels = list(grid.flat)
    for axes, (title, part) in zip(panels, parts.items(), strict=False):
        _draw_panel(axes, plot, figure, part, results)
        finish(axes, title or figure.title, legend=False)
    for axes in panels[len(parts) :]:
        axes.set_visible(False)
    for axes in panels[: len(parts)]:
        axes.label_outer()
    handles = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if plot.series and handles:
        labels = [str(level) for level in results.levels(plot.series) if str(level) in handles]
        drawing.legend(
            [handles[label] for label in labels], labels, title=_words(plot.series), loc="outside right upper",
            frameon=False, fontsize=9,
        )  # fmt: skip
    drawing.savefig(path, dpi=DPI)
    plt.close(drawing)


def _drawable(plot: FigurePlot, results: Results) -> Results:
    """Leave out what has no such figure, or belongs to no series."""
    return Results(
        tuple(
            outcome
            for outcome in results.outcomes
            if plot.figure in (outcome.figures or {}) and (plot.series or plot.across) in outcome.condition.factors
        )
    )


def _panels(plot: FigurePlot, results: Results) -> Mapping[str, Results]:
    """Return what each panel shows, by its title. What has no level of the panels' factor applies to all of them."""
    if plot.panels is None or not results.levels(plot.panels):
        return {"": results}
    name = plot.panels
    return {
        f"{_words(name)} {level}": Results(
            tuple(o for o in results.outcomes if o.condition.factors.get(name, level) == level)
        )
        for level in results.levels(name)
    }


def _draw_panel(axes: Axes, plot: FigurePlot, figure: Figure, part: Results, whole: Results) -> None:
    levels = whole.levels(plot.across)
    named = any(isinstance(level, str) for level in levels)
    places: Mapping[Level, float] = {level: n if named else float(level) for n, level in enumerate(levels)}
    series = whole.levels(plot.series) if plot.series else (None,)
    gap = min((abs(a - b) for a, b in combinations(places.values(), 2)), default=1.0)
    spread = gap * (_SPREAD if named else _DODGE)
    for number, one in enumerate(series):
        drawn = part if plot.series is None or one is None else part.where({plot.series: one})
        shift = spread * (number - (len(series) - 1) / 2) / len(series)
        means = {level: _mean(drawn, plot, level) for level in levels}
        points = [(places[level] + shift, mean) for level, mean in means.items() if mean is not None]
        if points:
            _draw_series(axes, points, figure.scale, number, str(one), joined=not named)
        elif drawn.outcomes:
            _draw_level(axes, _seed_mean(drawn, plot.figure), figure.scale, number, str(one))
    axes.set_xlabel(_words(plot.across))
    axes.set_ylabel(figure.label)
    if named:
        labels = [str(level) for level in levels]
        crowded = sum(map(len, labels)) > _MOST_LETTERS
        axes.set_xticks(range(len(levels)), labels)
        if crowded:
            axes.tick_params(axis="x", labelrotation=30)
            for label in axes.get_xticklabels():
                label.set(ha="right", rotation_mode="anchor")
        axes.set_xlim(-0.6, len(levels) - 0.4)
    elif len(levels) <= _MOST_TICKS:
        axes.set_xticks([places[level] for level in levels], [f"{level:g}" for level in levels])


def _draw_level(axes: Axes, mean: Estimate | None, scale: float, number: int, label: str) -> None:
    """Draw a series that has no level of the factor as a line across, with the band of its interval."""
    if mean is None:
        return
    axes.axhline(mean.mean * scale, color=colour(number), lw=1.4, ls="--", label=label)
    if mean.low is not None and mean.high is not None:
        axes.axhspan(mean.low * scale, mean.high * scale, color=colour(number), alpha=0.1, lw=0)


def _draw_series(
    axes: Axes, points: Sequence[tuple[float, Estimate]], scale: float, number: int, label: str, *, joined: bool
) -> None:
    """Draw means with bars, joined where the axis is to scale."""
    axes.errorbar(
        [x for x, _ in points],
        [mean.mean * scale for _, mean in points],
        yerr=[(mean.half_width or 0.0) * abs(scale) for _, mean in points],
        color=colour(number), label=label, marker=mark(number), ms=5, capsize=3, lw=1.4, elinewidth=1,
        ls="-" if joined else "none",
    )  # fmt: skip


def _mean(results: Results, plot: FigurePlot, level: Level) -> Estimate | None:
    return _seed_mean(results.where({plot.across: level}), plot.figure)


def _seed_mean(results: Results, figure: str) -> Estimate | None:
    """Estimate over the seeds the average of all conditions with a seed."""
    seeds = sorted({outcome.condition.seed for outcome in results.measured})
    of_seeds = (
        estimate(Results(tuple(o for o in results.measured if o.condition.seed == seed)).values(figure))
        for seed in seeds
    )
    return estimate(None if mean is None else mean.mean for mean in of_seeds)


def _words(name: str) -> str:
    return name.replace("_", " ")
