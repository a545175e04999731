"""What each level of the tree adds, beside independent samples of the same model."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from ablations.floor.drawing import colour, finish
from ablations.resources.questions.findings import Findings
from ablations.resources.questions.levels import Level
from ablations.resources.report.plots.canvas import canvas, reach
from ablations.resources.statistics.interval import Interval

_BRANCHING, _SAMPLES = colour(0), colour(1)


def draw_levels(found: Findings, path: Path) -> bool:
    """Draw two panels for each branching arm; return whether there is anything to draw."""
    drawn = {name: of_arm for name, of_arm in found.levels.items() if of_arm[0].solved is not None}
    if not drawn:
        return False
    with canvas(path, columns=2 * len(drawn), width=5.4) as panels:
        for number, (name, of_arm) in enumerate(drawn.items()):
            _draw_curve(panels[2 * number], name, of_arm, found)
            _draw_gains(panels[2 * number + 1], name, of_arm)
    return True


def _draw_curve(axes: Axes, name: str, of_arm: Sequence[Level], found: Findings) -> None:
    model = name.rpartition("@")[0]
    tree = [(one.most_calls, one.solved) for one in of_arm if one.solved is not None]
    samples = sorted(found.pass_at.get(model, {}).items())
    for label, points, tint, line in (
        (f"{name}, by level", tree, _BRANCHING, "-"),
        (f"{model}: pass@k", samples, _SAMPLES, "--"),
    ):
        if points:
            axes.plot([k for k, _ in points], [one.value * 100 for _, one in points], color=tint, ls=line, label=label)
            for k, one in points:
                axes.errorbar(k, one.value * 100, yerr=reach(one, 100), color=tint, marker="o", ms=5, capsize=3, lw=1)
    ticks = [one.most_calls for one in of_arm]
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("calls at most, or samples k")
    axes.set_ylabel("tasks solved (%)")
    finish(axes, "Solved within a budget of calls")


def _draw_gains(axes: Axes, name: str, of_arm: Sequence[Level]) -> None:
    for values, tint, label, shift in (
        ([one.reached for one in of_arm], "#cbd5e1", "tasks that reach it", -0.2),
        ([one.gain for one in of_arm], _BRANCHING, "tasks solved at it", 0.2),
    ):
        known: list[tuple[int, Interval]] = [(n, one) for n, one in enumerate(values) if one is not None]
        axes.bar([n + shift for n, _ in known], [one.value * 100 for _, one in known], 0.4, color=tint, label=label)
        for n, one in known:
            axes.errorbar(n + shift, one.value * 100, yerr=reach(one, 100), color="#334155", capsize=3, lw=1)
    axes.set_xticks(range(len(of_arm)), [str(one.level) for one in of_arm])
    axes.set_xlabel("level (0: the first attempt)")
    axes.set_ylabel("tasks (%)")
    finish(axes, f"{name}: what each level adds")
