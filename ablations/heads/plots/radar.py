"""All figures of quality and speed at once, relative to the dense model."""

import math
from pathlib import Path

from matplotlib import pyplot as plt

from ablations.floor.figure import Direction
from ablations.heads.conditions import Arm
from ablations.heads.figures import FIGURES
from ablations.heads.plots.rows import Rows
from ablations.heads.plots.style import COLOURS, INK, NAMES, save

AXES = (
    *("perplexity", "generation_perplexity", "lexical_diversity"),
    *("repetition", "tokens_per_second", "first_token_latency_ms", "peak_memory_mib"),
)
_MOST = 1.5


def draw_radar(rows: Rows, path: Path) -> Path:
    """Draw each arm, the pruned ones at their highest level: 1 is the dense model, further out is better.

    A figure of which less is better is drawn as dense / arm, any other as arm / dense; beyond 1.5 the scale ends.
    """
    level = max(rows.levels)
    names = [name for name in AXES if rows.by_seed(name, Arm.DENSE)]
    angles = [2 * math.pi * number / len(names) for number in range(len(names))]
    canvas, panel = plt.subplots(figsize=(7.4, 6.4), subplot_kw={"projection": "polar"}, layout="constrained")
    for arm in Arm:
        values = [min(_MOST, relative(rows, name, arm, level if arm.prunes else 0)) for name in names]
        panel.plot([*angles, angles[0]], [*values, values[0]], color=COLOURS[arm], lw=1.8, label=NAMES[arm])
        panel.fill([*angles, angles[0]], [*values, values[0]], color=COLOURS[arm], alpha=0.06)
    panel.set_xticks(angles, [_short(name) for name in names], fontsize=9)
    panel.tick_params(axis="x", pad=16)
    panel.set_ylim(0, _MOST)
    panel.set_yticks([0.5, 1.0, 1.5], ["0.5", "1 = dense", "≥ 1.5"], fontsize=8, color=INK)
    panel.set_rlabel_position(180 / len(names))  # type: ignore[attr-defined]
    panel.set_title(
        f"Further out is better; pruned arms at {level:g} %", loc="left", fontsize=11, color=INK, pad=30, x=-0.1
    )
    canvas.legend(loc="outside lower center", ncols=len(Arm), frameon=False, fontsize=9)
    return save(canvas, path)


def relative(rows: Rows, figure: str, arm: Arm, level: float) -> float:
    """Return a figure relative to the dense model, above 1 where it is better; nan where one is missing or 0."""
    dense, own = rows.estimated(figure, Arm.DENSE), rows.estimated(figure, arm, None, level)
    if dense is None or own is None or not dense.mean or not own.mean:
        return math.nan
    return dense.mean / own.mean if FIGURES[figure].better is Direction.LOWER else own.mean / dense.mean


def _short(figure: str) -> str:
    names = {
        "generation_perplexity": "perplexity of\ngenerations",
        "tokens_per_second": "speed",
        "repetition": "little repetition",
        "perplexity": "held-out\nperplexity",
        "lexical_diversity": "lexical\ndiversity",
        "first_token_latency_ms": "first-token\nlatency",
        "peak_memory_mib": "peak\nmemory",
    }
    return names[figure]
