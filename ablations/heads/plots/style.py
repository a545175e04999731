"""How the plots look: an arm has one colour and one marker everywhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from ablations.floor.statistics import Estimate
from ablations.heads.conditions import Arm
from ablations.heads.figures import FIGURES

INK, GRID = "#1f2933", "#e2e8f0"
# Okabe and Ito's palette, whose colours can be distinguished with any kind of colour vision.
COLOURS: Mapping[str, str] = {
    Arm.DENSE: "#000000",
    Arm.PRUNED: "#0072B2",
    Arm.PRUNED_WITH_AGENCY: "#D55E00",
    Arm.AGENCY: "#009E73",
}
MARKS: Mapping[str, str] = {Arm.DENSE: "D", Arm.PRUNED: "o", Arm.PRUNED_WITH_AGENCY: "s", Arm.AGENCY: "^"}
NAMES: Mapping[str, str] = {
    Arm.DENSE: "dense",
    Arm.PRUNED: "pruned",
    Arm.PRUNED_WITH_AGENCY: "pruned with agency",
    Arm.AGENCY: "agency alone",
}
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def panels(columns: int, rows: int = 1, width: float = 4.2, height: float = 3.7) -> tuple[Canvas, list[Axes]]:
    """Return a canvas and its panels, row by row."""
    canvas, axes = plt.subplots(
        rows, columns, figsize=(0.8 + width * columns, 0.6 + height * rows), layout="constrained", squeeze=False
    )
    canvas.set_facecolor("white")
    return canvas, list(axes.flat)


def bars(axes: Axes, across: Sequence[float], estimates: Sequence[Estimate | None], **look: Any) -> None:
    """Draw means with their 95 % intervals; a mean without an interval is drawn without bars."""
    points = [(x, found) for x, found in zip(across, estimates, strict=True) if found is not None]
    if points:
        axes.errorbar(
            [x for x, _ in points],
            [found.mean for _, found in points],
            yerr=[found.half_width or 0.0 for _, found in points],
            capsize=3,
            lw=1.5,
            ms=5,
            **look,
        )


def finish(axes: Axes, title: str, across: str, up: str) -> None:
    """Label a panel."""
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRID, lw=0.8)
    axes.set_axisbelow(True)


def share_scale(axes: Sequence[Axes]) -> None:
    """Give panels one scale, which ends just below 0: no figure is negative, though its interval may be."""
    low, high = min(panel.get_ylim()[0] for panel in axes), max(panel.get_ylim()[1] for panel in axes)
    for panel in axes:
        panel.set_ylim(max(low, -0.03 * high), high)


def share_legend(canvas: Canvas, axes: Axes) -> None:
    """Put one legend below all panels."""
    handles, labels = axes.get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)


def label_of(figure: str) -> str:
    """Return a figure's title and unit."""
    found = FIGURES[figure]
    return f"{found.title}\n({found.unit})" if found.unit else found.title


def save(canvas: Canvas, path: Path) -> Path:
    """Write a canvas as PNG and forget it."""
    canvas.savefig(path, dpi=130)
    plt.close(canvas)
    return path
