"""Pairs of bars, the winner's above the uniform start's: of the stages' shares, and of the units in each group."""

from collections.abc import Sequence
from dataclasses import dataclass

from search.outcome.charts.scale import Scale, share_labels
from search.outcome.charts.svg import Canvas
from search.outcome.formats import points_text

WIDTH, LEFT, RIGHT, ROW, TOP, BOTTOM, LETTERS = 480.0, 130.0, 116.0, 30.0, 24.0, 22.0, 19


@dataclass(frozen=True, slots=True)
class Pair:
    """One row: two shares and what they say when they are hovered."""

    name: str
    own: float
    start: float
    title: str


def paired_bars(label: str, pairs: Sequence[Pair], *, names: tuple[str, str | None], change: bool) -> str | None:
    """Draw the pairs; None where there is none.

    Args:
        label: what is seen.
        pairs: from the top down.
        names: of the winner's bars and the start's; None for the second if the start itself won.
        change: whether the difference in points stands beside each pair.
    """
    if not pairs:
        return None
    canvas = Canvas(WIDTH, TOP + ROW * len(pairs) + BOTTOM, label)
    scale = Scale(0, max(max(pair.own, pair.start) for pair in pairs) or 1.0, LEFT, WIDTH - RIGHT)
    _legend(canvas, names)
    for tick, text in zip(ticks := scale.ticks(4), share_labels(ticks), strict=True):
        canvas.line((scale(tick), TOP), (scale(tick), canvas.height - BOTTOM), "grid")
        canvas.text((scale(tick), canvas.height - 6), text, "mid")
    for number, pair in enumerate(pairs):
        y = TOP + ROW * number
        short = pair.name if len(pair.name) <= LETTERS else f"…{pair.name[-LETTERS + 1 :]}"
        canvas.text((LEFT - 8, y + ROW / 2 + 4), short, "end", pair.title)
        canvas.bar((LEFT, y + 4), scale(pair.own) - LEFT, 10, "winner", pair.title)
        if names[1] is not None:
            canvas.bar((LEFT, y + 15), scale(pair.start) - LEFT, 10, "start", pair.title)
        said = f"{100 * pair.own:.1f} %" + (f"  {points_text(pair.own - pair.start)}" if change and names[1] else "")
        canvas.text((scale(max(pair.own, pair.start)) + 6, y + ROW / 2 + 4), said)
    return canvas.render()


def _legend(canvas: Canvas, names: tuple[str, str | None]) -> None:
    x = 8.0
    for name, css in zip(names, ("winner", "start"), strict=True):
        if name is not None:
            canvas.bar((x, 4), 12, 10, css)
            canvas.text((x + 17, 13), name)
            x += 30 + 6.6 * len(name)
