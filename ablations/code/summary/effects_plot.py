"""The plot of all effects of a figure, each with its interval, the largest on top."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib import pyplot as plt

from ablations.code.summary.effects import MEANING, ComponentEffect
from ablations.floor.drawing import DPI, INK, PALETTE, finish
from ablations.floor.questions import Verdict
from ablations.floor.tables import column_of

MOST = 40
"""Effects in one plot: the largest."""
_COLOURS = {Verdict.WORSE: PALETTE[0], Verdict.BETTER: PALETTE[1], Verdict.INCONCLUSIVE: "#829ab1"}
_LONGEST = 44


def draw_effects(effects: Sequence[ComponentEffect], folder: Path) -> tuple[tuple[str, Path], ...]:
    """Draw one plot for each figure, and return captions and files."""
    drawn = []
    for key in dict.fromkeys(effect.answer.question.figure for effect in effects):
        known = [one for one in effects if one.answer.question.figure == key and one.answer.difference is not None]
        if known:
            path = folder / f"effects-{key.replace('/', '-')}.png"
            drawn.append((_draw(known, path), path))
    return tuple(drawn)


def _draw(effects: Sequence[ComponentEffect], path: Path) -> str:
    kept = sorted(effects, key=_size)[-MOST:]
    canvas, axes = plt.subplots(figsize=(8.4, 1.5 + 0.34 * len(kept)), layout="constrained", facecolor="white")
    column = column_of(kept[0].answer.question, kept[0].figure)
    for place, effect in enumerate(kept):
        difference = effect.answer.difference
        assert difference is not None, "it was chosen by its difference"
        axes.errorbar(
            difference.mean * column.scale, place, xerr=(difference.half_width or 0.0) * abs(column.scale),
            color=_COLOURS[effect.answer.verdict], marker="o", ms=6, capsize=3, lw=1.6, ls="none",
        )  # fmt: skip
    axes.axvline(0, color=INK, lw=1)
    axes.set_yticks(range(len(kept)), [_label(effect.component) for effect in kept], fontsize=9)
    axes.set_ylim(-0.7, len(kept) - 0.3)
    axes.set_xlabel(f"{column.heading}: without the component minus original")
    for verdict in dict.fromkeys(effect.answer.verdict for effect in reversed(kept)):
        axes.plot([], [], "o", color=_COLOURS[verdict], label=MEANING[verdict])
    finish(axes, f"{kept[0].figure.title}: what each component does", legend=False)
    canvas.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    canvas.savefig(path, dpi=DPI)
    plt.close(canvas)
    more = f"; the {MOST} largest of {len(effects)}" if len(effects) > MOST else ""
    return (
        f"{kept[0].figure.title} without each component minus the original's, paired by seed, with 95 % intervals{more}"
    )


def _size(effect: ComponentEffect) -> float:
    return abs(effect.answer.difference.mean) if effect.answer.difference is not None else 0.0


def _label(component: str) -> str:
    return component if len(component) <= _LONGEST else f"…{component[1 - _LONGEST :]}"
