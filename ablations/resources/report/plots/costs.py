"""What a solved task costs: by arm as measured, and over the price ratio of large and small model."""

from pathlib import Path

import numpy as np

from ablations.floor.drawing import colour, finish
from ablations.resources.arms.resource import Resource
from ablations.resources.questions.findings import Findings
from ablations.resources.report.plots.canvas import canvas, colours, reach


def draw_cost_per_solved(found: Findings, path: Path) -> bool:
    """Draw a bar for each arm; return whether there is anything to draw."""
    known = [one for one in found.standings if one.per_solved is not None]
    if not known:
        return False
    column, of = found.cost.column, colours(found.outcomes)
    with canvas(path, width=7.0, height=1.0 + 0.5 * len(known)) as (axes,):
        for place, one in enumerate(reversed(known)):
            assert one.per_solved is not None
            value = one.per_solved.value * column.scale
            axes.barh(place, value, 0.6, color=of[one.arm.name][0], alpha=0.85)
            axes.errorbar(value, place, xerr=reach(one.per_solved, column.scale), color="#334155", capsize=3, lw=1.2)
        axes.set_yticks(range(len(known)), [one.arm.name for one in reversed(known)])
        axes.set_xlabel(column.heading)
        finish(axes, "Cost per solved task")
    return True


def draw_break_even(found: Findings, path: Path) -> bool:
    """Draw cost per solved task over the price ratio, in prices of a small call; return whether there is anything."""
    known = [
        one
        for one in found.break_evens
        if one.unit is Resource.CALLS and one.arm in found.asked and one.at is not None and one.at.value > 0
    ]
    large = next(one for one in found.standings if one.arm.name == f"{found.large}@1")
    if not known or large.solved is None or large.solved.value == 0:
        return False
    per_solved = 1 / large.solved.value
    ends = [bound for one in known if one.at for bound in (one.at.value, one.at.low, one.at.high) if bound]
    ends += [one.now.value for one in known if one.now is not None and one.now.value > 0]
    ratios = np.geomspace(min(ends) / 2.5, max(ends) * 2.5, 60)
    with canvas(path, width=7.0) as (axes,):
        axes.plot(ratios, ratios * per_solved, color=colour(1), label=f"{found.large}@1")
        for number, one in enumerate(known):
            assert one.at is not None
            tint = colour(0 if number == 0 else number + 1)
            axes.axhline(one.at.value * per_solved, color=tint, label=one.arm.name)
            axes.axvline(one.at.value, color=tint, lw=1, ls=":")
            axes.axvspan(one.at.low or ratios[0], one.at.high or ratios[-1], color=tint, alpha=0.12, lw=0)
            if one.now is not None:
                label = f"measured, by {found.cost.column.title.lower()}"
                axes.axvline(one.now.value, color="#334155", lw=1, ls="--", label=label)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(f"price of a call of {found.large} / of the smaller model")
        axes.set_ylabel("cost per solved task (small calls)")
        finish(axes, "Break-even: right of the band the smaller model costs less")
    return True
