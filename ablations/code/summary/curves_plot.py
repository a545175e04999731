"""The plots of what scripts reported step by step: for each component a panel, with the original behind it."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from ablations.code.summary.outline import Outline
from ablations.code.summary.records import Record
from ablations.floor.drawing import DPI, PALETTE, finish
from ablations.floor.statistics import Estimate, estimate

MOST = 12
"""Panels in one plot; more components go into further plots."""
_COLUMNS, _WIDTH, _HEIGHT = 3, 3.6, 2.8
_LONGEST = 34
_GREY = "#829ab1"

Curve = Mapping[int, Estimate]
"""A mean over seeds at each step."""


def draw_curves(outline: Outline, records: Sequence[Record], folder: Path) -> tuple[tuple[str, Path], ...]:
    """Draw the curves of each name that was reported at several steps, and return captions and files."""
    names = sorted({name for record in records if record.facts for name in record.facts.curves})
    drawn = []
    for name in names:
        curves = curves_of(outline, records, name)
        original = curves.pop(outline.original, {})
        curves.pop(outline.null, None)
        parts = [dict(list(curves.items())[start : start + MOST]) for start in range(0, len(curves), MOST)]
        for number, part in enumerate(parts, start=1):
            more = f"-{number}" if len(parts) > 1 else ""
            path = folder / f"curves-{name.replace('/', '-')}{more}.png"
            _draw(name, original, part, path)
            drawn.append((f"{name} at each step, without each component: mean and 95 % interval over seeds", path))
    return tuple(drawn)


def curves_of(outline: Outline, records: Sequence[Record], name: str) -> dict[str, Curve]:
    """Return the curve of each variant whose conditions were measured: an invalid trial's curve says nothing."""
    values: dict[str, dict[int, list[float]]] = {}
    for record in records:
        if record.facts is None or record.outcome.figures is None:
            continue
        variant = str(record.outcome.condition.factors.get(outline.factor))
        for step, value in record.facts.curves.get(name, ()):
            values.setdefault(variant, {}).setdefault(step, []).append(value)
    return {
        variant: {step: mean for step, several in sorted(steps.items()) if (mean := estimate(several)) is not None}
        for variant, steps in values.items()
    }


def _draw(name: str, original: Curve, curves: Mapping[str, Curve], path: Path) -> None:
    columns = min(_COLUMNS, len(curves))
    rows = math.ceil(len(curves) / columns)
    canvas, grid = plt.subplots(
        rows, columns, figsize=(_WIDTH * columns, 0.5 + _HEIGHT * rows), layout="constrained", facecolor="white",
        squeeze=False, sharex=True, sharey=True,
    )  # fmt: skip
    panels = list(grid.flat)
    for axes, (variant, curve) in zip(panels, curves.items(), strict=False):
        _line(axes, original, _GREY, "original", "--")
        _line(axes, curve, PALETTE[0], "without the component", "-")
        finish(axes, _label(variant), legend=False)
        axes.title.set_fontsize(9)
        axes.set_xlabel("step")
        axes.set_ylabel(name)
    for axes in panels[len(curves) :]:
        axes.set_visible(False)
    for axes in panels[: len(curves)]:
        axes.label_outer()
    # What stands at the lower end of a column names its steps, whether or not others stand beside it.
    for axes in panels[max(0, len(curves) - columns) : len(curves)]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("step")
    for axes in panels[: len(curves)]:
        axes.xaxis.get_major_locator().set_params(integer=True)
    canvas.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=9
    )
    canvas.savefig(path, dpi=DPI)
    plt.close(canvas)


def _line(axes: Axes, curve: Curve, colour: str, label: str, style: str) -> None:
    steps = list(curve)
    if not steps:
        return
    means = list(curve.values())
    axes.plot(steps, [mean.mean for mean in means], color=colour, lw=1.6, ls=style, label=label)
    low = [mean.mean if mean.low is None else mean.low for mean in means]
    high = [mean.mean if mean.high is None else mean.high for mean in means]
    axes.fill_between(steps, low, high, color=colour, alpha=0.15, lw=0)


def _label(variant: str) -> str:
    return variant if len(variant) <= _LONGEST else f"…{variant[1 - _LONGEST :]}"
