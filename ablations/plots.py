"""The plots of a study: one colour per arm, one panel per cell."""

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ablations.floor.drawing import DPI, INK, colour, finish, limit_to_shares, mark
from ablations.floor.statistics import estimate
from ablations.progress import band, gain_over_start
from ablations.ranking import Cell, RankedArms, Standing
from search.outcome.formats import macs_text
from tracking.mirror.records import RunRecord

BASE = "#b7791f"

Draw = Callable[[Axes, Sequence[Standing]], None]


def draw_plots(arms: RankedArms, folder: Path) -> tuple[tuple[str, Path], ...]:
    """Draw every plot for which the runs have data.

    Args:
        arms: The ranked arms.
        folder: Where the files are written.

    Returns:
        The caption and the file of each plot.
    """
    wanted: tuple[tuple[str, str, Draw], ...] = (
        ("best_so_far.png", "Best holdout score so far: mean of the seeds and 95 % band", _draw_curves),
        ("pareto.png", "Test accuracy of the winners against their MACs; bars are 95 % intervals", _draw_pareto),
        ("revisions.png", "Proposals outside the band, per run: mean and 95 % interval", _draw_revisions),
        ("cost_gain.png", "Gain of the best holdout score over the common start, against cost", _draw_cost),
    )
    made = []
    cells = list(dict.fromkeys(standing.cell for standing in arms.standings))
    for name, caption, draw in wanted:
        figure, panels = plt.subplots(
            1, len(cells), figsize=(1.2 + 6.2 * len(cells), 4.4), layout="constrained", facecolor="white", squeeze=False
        )
        for axes, cell in zip(panels[0], cells, strict=True):
            draw(axes, [standing for standing in arms.standings if standing.cell == cell])
            _finish(axes, cell)
        if any(axes.has_data() for axes in panels[0]):
            figure.savefig(folder / name, dpi=DPI)
            made.append((caption, folder / name))
        plt.close(figure)
    return tuple(made)


def _draw_curves(axes: Axes, standings: Sequence[Standing]) -> None:
    for number, standing in enumerate(_by_name(standings)):
        width = 1.6 + 0.6 * _drawn_over(number, standings)
        points = [(trial, mean) for trial, mean in enumerate(band(standing.runs)) if mean is not None]
        if not points:
            continue
        trials = [trial for trial, _ in points]
        means = [mean.mean for _, mean in points]
        axes.plot(trials, means, color=colour(number), label=standing.arm.label, lw=width, marker="o", ms=2 + width)
        if all(mean.low is not None for _, mean in points):
            low, high = [mean.low for _, mean in points], [mean.high for _, mean in points]
            axes.fill_between(trials, low, high, color=colour(number), alpha=0.12, lw=0)  # type: ignore[arg-type]
    axes.set_xlabel("trial")
    axes.set_ylabel("best holdout accuracy so far")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    limit_to_shares(axes)


def _draw_pareto(axes: Axes, standings: Sequence[Standing]) -> None:
    _draw_crosses(axes, standings, lambda run: run.winner_macs, lambda run: run.accuracy)
    base = estimate(run.baseline_accuracy for standing in standings for run in standing.runs)
    if base is not None:
        axes.axhline(base.mean, color=BASE, lw=1, ls="--", label="base model")
    axes.axvline(standings[0].cell.target_macs, color=INK, lw=0.8, ls=":", label="target")
    axes.set_xlabel("MACs of the winner")
    axes.set_ylabel("test accuracy")
    axes.xaxis.set_major_formatter(lambda value, _: macs_text(int(value)))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    limit_to_shares(axes)


def _draw_revisions(axes: Axes, standings: Sequence[Standing]) -> None:
    shown = _by_name(standings)
    means = [standing.mean("revisions") for standing in shown]
    if not any(mean is not None and mean.mean for mean in means):
        return
    for number, mean in enumerate(means):
        if mean is not None:
            axes.barh(number, mean.mean, xerr=mean.half_width, color=colour(number), height=0.6, ecolor=INK)
    axes.set_yticks(range(len(shown)), [standing.arm.label for standing in shown], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("revisions")


def _draw_cost(axes: Axes, standings: Sequence[Standing]) -> None:
    if not any(run.llm for standing in standings for run in standing.runs):
        return  # without a model nothing was paid, and the plot would be a column of points
    _draw_crosses(axes, standings, lambda run: run.cost_usd if run.llm else 0.0, gain_over_start)
    if not axes.has_data():
        return
    axes.axhline(0, color=INK, lw=0.8, ls=":")
    axes.set_xlabel("cost of the LLM's calls, $ per run")
    axes.set_ylabel("gain over the common start, points")
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:+.1f}")


def _draw_crosses(
    axes: Axes,
    standings: Sequence[Standing],
    across: Callable[[RunRecord], float | None],
    up: Callable[[RunRecord], float | None],
) -> None:
    """Draw the mean of each arm with its intervals in both directions."""
    for number, standing in enumerate(_by_name(standings)):
        x, y = estimate(across(run) for run in standing.runs), estimate(up(run) for run in standing.runs)
        if x is None or y is None:
            continue
        axes.errorbar(
            [x.mean], [y.mean], xerr=x.half_width, yerr=y.half_width, color=colour(number), label=standing.arm.label,
            marker=mark(number), markersize=5 + 1.4 * _drawn_over(number, standings),
            capsize=3, lw=1, ls="none",
        )  # fmt: skip


def _finish(axes: Axes, cell: Cell) -> None:
    finish(axes, f"{cell.model} on {cell.dataset}, {macs_text(cell.target_macs)}")


def _by_name(standings: Sequence[Standing]) -> list[Standing]:
    """Sort by the names of the arms, which determine the colours: an arm has the same colour in every plot."""
    return sorted(standings, key=lambda standing: standing.arm.label)


def _drawn_over(number: int, standings: Sequence[Standing]) -> int:
    """Return how many arms are drawn after this one: with wider marks below, arms with equal values stay visible."""
    return len(standings) - 1 - number
