"""How closely the ratio of each set goes with the score, as bars on both sides of zero."""

from collections.abc import Sequence

from search.outcome.charts.scale import Scale
from search.outcome.charts.sets import chance, telling_rung, weights
from search.outcome.charts.svg import Canvas
from search.outcome.charts.trials import Drawn
from tracking.payloads import PlanReady

ROW, LEFT, WIDTH, LETTERS = 22.0, 170.0, 480.0, 24
MOST = 16
"""Sets that are drawn: those that go closest with the score."""


def importance(plan: PlanReady, trials: Sequence[Drawn]) -> str | None:
    """Draw it; None where too few trials tell."""
    found = weights(plan, trials)[:MOST]
    if not found:
        return None
    bound = chance(len(telling_rung(trials)[1]))
    height = ROW * len(found) + 44
    canvas = Canvas(WIDTH, height, "rank correlation of each set's ratio with the score")
    scale = Scale(-1, 1, LEFT, WIDTH - 20)
    bottom = height - 36
    canvas.bar(
        (scale(-bound), 2), scale(bound) - scale(-bound), bottom - 2, "chance", f"chance alone: up to {bound:.2f}"
    )
    for number, weight in enumerate(found):
        y, end = 4 + ROW * number, scale(weight.correlation)
        title = f"{weight.label}: ρ = {weight.correlation:+.2f}".replace("-", "−")
        css = "winner" if weight.correlation > 0 else "failed"
        canvas.bar((min(end, scale(0)), y + 3), abs(end - scale(0)), ROW - 8, css, title)
        short = weight.label if len(weight.label) <= LETTERS else f"…{weight.label[-LETTERS + 1 :]}"
        canvas.text((LEFT - 8, y + ROW / 2 + 3), short, "end", title)
    canvas.line((scale(0), 2), (scale(0), bottom), "axis")
    for tick in (-1.0, -0.5, 0.0, 0.5, 1.0):
        canvas.text((scale(tick), bottom + 14), f"{tick:+.1f}".replace("-", "−") if tick else "0", "mid")
    canvas.text((scale(-1), height - 4), "← better with less kept", "soft")
    canvas.text((scale(1), height - 4), "with more kept →", "end soft")
    return canvas.render()
