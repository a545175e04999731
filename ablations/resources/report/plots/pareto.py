"""Cost against quality: every arm, with both intervals, and the line of those that no other dominates."""

from pathlib import Path

from ablations.floor.drawing import INK, finish
from ablations.resources.questions.findings import Findings
from ablations.resources.report.plots.canvas import canvas, colours, reach

_WIDE = 8.0
"""Costs that differ by more than this factor are drawn on a logarithmic axis."""


def draw_pareto(found: Findings, path: Path) -> bool:
    """Draw it; return whether there is anything to draw."""
    known = [one for one in found.standings if one.solved is not None and one.per_task is not None]
    if not known:
        return False
    column, of = found.cost.column, colours(found.outcomes)
    with canvas(path, width=7.0) as (axes,):
        front = []
        for one in known:
            assert one.solved is not None
            assert one.per_task is not None
            x, y = one.per_task.value * column.scale, one.solved.value * 100
            front += [(x, y)] if one.on_front else []
            tint, mark = of[one.arm.name]
            axes.errorbar(
                x, y, xerr=reach(one.per_task, column.scale), yerr=reach(one.solved, 100), color=tint, marker=mark,
                ms=7, capsize=3, lw=1.2, label=one.arm.name, zorder=3,
            )  # fmt: skip
        if len(front) > 1:
            axes.plot(*zip(*sorted(front), strict=True), color=INK, lw=1, ls=":", zorder=1, label="Pareto front")
        costs = [one.per_task.value for one in known if one.per_task is not None and one.per_task.value > 0]
        if len(costs) == len(known) and max(costs) > _WIDE * min(costs):
            axes.set_xscale("log")
        axes.set_xlabel(f"{column.heading} per task")
        axes.set_ylabel("tasks solved (%)")
        finish(axes, "Cost and quality", legend=False)
        axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return True
