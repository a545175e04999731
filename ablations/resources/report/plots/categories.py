"""Which arm solves which category of tasks."""

from pathlib import Path

from ablations.floor.drawing import finish
from ablations.resources.questions.accuracy import solved_share
from ablations.resources.questions.findings import Findings
from ablations.resources.report.plots.canvas import canvas, colours, reach


def draw_categories(found: Findings, path: Path) -> bool:
    """Draw the share of each arm in each category; return whether there is anything to draw."""
    outcomes = found.outcomes
    names = list(dict.fromkeys(problem.category for problem in outcomes.problems))
    parts = [outcomes.only([n for n, one in enumerate(outcomes.problems) if one.category == name]) for name in names]
    shares = {arm.name: [solved_share(part, arm) for part in parts] for arm in outcomes.arms}
    if not any(one for of_arm in shares.values() for one in of_arm):
        return False
    of, spread = colours(outcomes), 0.7 / len(outcomes.arms)
    with canvas(path, width=max(6.4, 2.0 + 1.5 * len(names))) as (axes,):
        for number, (name, of_arm) in enumerate(shares.items()):
            tint, mark = of[name]
            shift = spread * (number - (len(shares) - 1) / 2)
            points = [(place + shift, one) for place, one in enumerate(of_arm) if one is not None]
            for x, one in points:
                axes.errorbar(x, one.value * 100, yerr=reach(one, 100), color=tint, marker=mark, ms=5, capsize=2, lw=1)
            axes.plot([], [], color=tint, marker=mark, ls="none", label=name)
        axes.set_xticks(
            range(len(names)), [f"{name}\n{len(part.problems)} tasks" for name, part in zip(names, parts, strict=True)]
        )
        axes.set_ylim(-3, 103)
        axes.set_ylabel("tasks solved (%)")
        finish(axes, "Tasks solved by category", legend=False)
        axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return True
