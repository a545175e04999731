"""The plots of a run, drawn from its ledger."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ground.files import replaced
from pruning.stages import Stage
from search.errors import ConfigError
from search.outcome.formats import macs_text, points_text
from search.outcome.summary import Summary
from tracking.events import Event, payloads_of
from tracking.kinds import TrialState
from tracking.payloads import PlanReady, Proposed, TrialEnded, Winner
from tracking.phases import rungs_by_trial

INK = "#1f2933"
COLOURS = {
    TrialState.COMPLETED: "#2b6cb0",
    TrialState.STOPPED_EARLY: "#a0aec0",
    TrialState.FAILED: "#c53030",
}
WINNER = "#2f855a"
START = "#a0aec0"
BASE = "#b7791f"
OVER = 0.004
"""Above 100 %, so that a mark there is whole."""
SHOWN_SHARE = 0.001
"""Stages that spend less of the budget are not drawn."""
LABELS = {TrialState.COMPLETED: "trial", TrialState.STOPPED_EARLY: "trial, stopped early"}


def plot_trade_off(events: Sequence[Event], summary: Summary, path: Path) -> None:
    """Plot accuracy against MACs: every trial, the winner before and after its fine-tune, the base, the target.

    All trials lie within a hair of the target, so they get a panel of their own beside the whole picture.
    """
    figure, (whole, near) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained", facecolor="white")
    _draw_whole(whole, events, summary)
    _draw_trials(near, events, summary)
    _save(figure, path)


def plot_stage_shares(summary: Summary, path: Path) -> None:
    """Plot the share of the budget that each stage spends: the winner beside the uniform start, and the change."""
    why, winner, budget = summary.explanation, summary.winner, summary.target_macs
    assert why is not None, "only a winner has stages to show"
    assert winner is not None
    assert budget is not None
    shares = [(row.stage, (row.macs or 0) / budget, (row.macs_of_start or 0) / budget) for row in why.stages]
    shown = [row for row in shares if max(row[1:]) >= SHOWN_SHARE]
    figure, axes = plt.subplots(figsize=(10.5, 1.5 + 0.42 * len(shown)), layout="constrained", facecolor="white")
    beaten = winner.trial != why.start_trial
    label = f"winner (trial {winner.trial})" if beaten else f"winner: the uniform start (trial {winner.trial})"
    _paired(axes, [row[1] for row in shown], -0.2 * beaten, WINNER, label)
    if beaten:
        _paired(axes, [row[2] for row in shown], 0.2, START, f"uniform start (trial {why.start_trial})")
    for place, (_, own, theirs) in enumerate(shown):
        text = f"{own:.1%}" + (f"   {points_text(own - theirs)}" if beaten else "")
        end = (max(own, theirs), place)
        axes.annotate(text, end, textcoords="offset points", xytext=(6, 0), va="center", fontsize=9, color=INK)
    axes.set_xlim(0, 1.16 * max(max(row[1:]) for row in shown))
    _name_rows(axes, [row[0] for row in shown], "share of the budget" + (", and change in points" if beaten else ""))
    _save(figure, path)


def plot_units(events: Sequence[Event], path: Path) -> None:
    """Plot the share of units kept in each group: the winner beside the uniform start that every arm begins with."""
    winner = payloads_of(events, Winner)[-1]
    plan = payloads_of(events, PlanReady)[-1]
    start = payloads_of(events, Proposed)[0]
    names = [group.name for group in plan.groups]
    figure, axes = plt.subplots(figsize=(10.5, 1.4 + 0.27 * len(names)), layout="constrained", facecolor="white")
    for allocation, offset, colour, label in (
        (winner.allocation, -0.2, WINNER, f"winner (trial {winner.trial})"),
        (start.allocation, 0.2, START, "uniform start (trial 0)"),
    ):
        shares = [kept / group.units for kept, group in zip(allocation, plan.groups, strict=True)]
        _paired(axes, shares, offset, colour, label)
    _name_rows(axes, names, "units kept")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    """Write the picture whole, and free its memory."""
    try:
        with replaced(path, durable=True) as draft:
            figure.savefig(draft, dpi=130, format="png")
    finally:
        plt.close(figure)


def plot_stages(model: str, stages: Sequence[Stage], path: Path) -> None:
    """Plot the MACs of each stage of the unpruned model, input at the top.

    Raises:
        ConfigError: the picture cannot be written there.
    """
    total = sum(stage.macs for stage in stages)
    figure, axes = plt.subplots(figsize=(8.5, 1.3 + 0.3 * len(stages)), layout="constrained", facecolor="white")
    bars = axes.barh(range(len(stages)), [stage.macs for stage in stages], color=COLOURS[TrialState.COMPLETED])
    axes.bar_label(bars, [f" {stage.macs / total:.1%}" for stage in stages], fontsize=8, color=INK)
    axes.set_yticks(range(len(stages)), [stage.name for stage in stages], fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.xaxis.set_major_formatter(lambda value, _: macs_text(int(value)))
    axes.tick_params(axis="x", labelsize=8)
    axes.set_title(f"{model}: {macs_text(total)} by stage", loc="left", fontsize=11, color=INK)
    _tidy(axes, grid="x")
    try:
        figure.savefig(path, dpi=130)
    except (OSError, ValueError) as error:
        raise ConfigError(f"The picture cannot be written to {str(path)!r}: {error}.") from None
    finally:
        plt.close(figure)


def _paired(axes: Axes, shares: Sequence[float], offset: float, colour: str, label: str) -> None:
    axes.barh([row + offset for row in range(len(shares))], shares, height=0.38, color=colour, label=label)


def _name_rows(axes: Axes, names: Sequence[str], x_label: str) -> None:
    """Rows from the top down; the legend above them, where no bar is."""
    axes.set_yticks(range(len(names)), names, fontsize=8.5)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel(x_label)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=9)
    _tidy(axes, grid="x")


def _draw_whole(axes: Axes, events: Sequence[Event], summary: Summary) -> None:
    axes.set_title("All models: test set for base and winner, holdout for trials", loc="left", fontsize=11, color=INK)
    points: list[tuple[int, float, str, str, str]] = []
    if summary.baseline and summary.baseline.accuracy is not None:
        points.append((summary.baseline.macs, summary.baseline.accuracy, BASE, "s", "base model"))
    if summary.winner and summary.winner.accuracy is not None:
        points.append((summary.winner.macs, summary.winner.accuracy, WINNER, "*", "winner, fine-tuned"))
    for macs, accuracy, colour, marker, label in points:
        axes.scatter([macs], [accuracy], s=190 if marker == "*" else 80, marker=marker, color=colour, label=label)
        right = marker == "*"
        axes.annotate(
            f"{accuracy:.2%}\n{macs_text(macs)}",
            (macs, accuracy),
            textcoords="offset points",
            xytext=(14, -9) if right else (0, -36),
            ha="left" if right else "center",
            fontsize=9,
            color=INK,
        )
    trials = [(spec.macs, end.accuracy) for spec, end in _ended(events) if end.accuracy is not None]
    if trials:
        xs, ys = zip(*trials, strict=True)
        axes.scatter(xs, ys, s=16, color=COLOURS[TrialState.COMPLETED], alpha=0.5, label="trials (short proxy)")
    if summary.target_macs:
        axes.axvline(summary.target_macs, color=INK, linewidth=0.8, linestyle=":", label="target")
    axes.margins(x=0.22, y=0.12)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=max(0.0, axes.get_ylim()[0]), top=min(1.0 + OVER, axes.get_ylim()[1]))
    _label(axes, "MACs of one forward pass")


def _draw_trials(axes: Axes, events: Sequence[Event], summary: Summary) -> None:
    axes.set_title("Trials at the target, by proxy rung, on the holdout", loc="left", fontsize=11, color=INK)
    labelled: set[TrialState] = set()
    rungs = rungs_by_trial(events)
    for spec, end in _ended(events):
        scores = [rung.accuracy for rung in rungs.get(spec.trial, ())]
        if not scores:
            continue
        colour = COLOURS[end.state]
        is_winner = summary.winner is not None and spec.trial == summary.winner.trial
        axes.plot(
            range(1, len(scores) + 1), scores, marker="o", markersize=4, zorder=3 if is_winner else 2,
            color=WINNER if is_winner else colour, linewidth=2.2 if is_winner else 1.0,
            label=f"winner, trial {spec.trial}" if is_winner
            else LABELS.get(end.state) if end.state not in labelled else None,
        )  # fmt: skip
        if not is_winner:
            labelled.add(end.state)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.08)
    axes.set_ylim(top=min(1.0 + OVER, axes.get_ylim()[1]))
    _label(axes, "rung")


def _ended(events: Sequence[Event]) -> list[tuple[Proposed, TrialEnded]]:
    specs = {record.trial: record for record in payloads_of(events, Proposed)}
    return [(specs[record.trial], record) for record in payloads_of(events, TrialEnded)]


def _label(axes: Axes, x_label: str) -> None:
    axes.set_xlabel(x_label)
    axes.set_ylabel("accuracy")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    if "MACs" in x_label:
        axes.xaxis.set_major_locator(MaxNLocator(4))  # names such as "1.25 MMACs" are wide
        axes.xaxis.set_major_formatter(lambda value, _: macs_text(int(value)))
        axes.tick_params(axis="x", labelsize=8)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9, loc="lower right")
    _tidy(axes, grid="y")


def _tidy(axes: Axes, grid: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x" if grid == "x" else "y", color="#e2e8f0", linewidth=0.8)
    axes.set_axisbelow(True)
