"""Parallel coordinates: what each trial kept of each set, one line a trial, coloured by its score."""

from collections.abc import Sequence

from search.outcome.charts.scale import Scale, share_labels, share_scale
from search.outcome.charts.sets import set_ratios, telling_rung
from search.outcome.charts.svg import Canvas
from search.outcome.charts.trials import Drawn, winner_last
from search.outcome.formats import share_text
from tracking.payloads import PlanReady

STEP, LEFT, RIGHT, TOP, BOTTOM, HEIGHT = 64.0, 84.0, 60.0, 14.0, 96.0, 340.0
WORST, BEST = (214, 222, 232), (43, 108, 176)
LETTERS = 15
APART = 16.0
"""Pixels between two names on one axis."""


def parallel(plan: PlanReady, trials: Sequence[Drawn]) -> str | None:
    """Draw it; None with fewer than two scored trials."""
    rung, scored = telling_rung(trials)
    if len(scored) < 2:
        return None
    sets = set_ratios(plan, scored)
    canvas = Canvas(max(480.0, LEFT + STEP * len(sets) + RIGHT), HEIGHT, "ratios of all sets and the score, by trial")
    kept = Scale(0, 1, HEIGHT - BOTTOM, TOP)
    scores = [trial.scores[rung - 1] for trial in scored]
    score = share_scale(scores, HEIGHT - BOTTOM, TOP)
    gap = (canvas.width - LEFT - RIGHT) / len(sets)
    for number, one in enumerate(sets):
        _name(canvas, LEFT + gap * number, one.label)
    end = canvas.width - RIGHT
    _name(canvas, end, f"score, rung {rung}")
    for tick in (0.0, 0.5, 1.0):
        canvas.text((LEFT - 8, kept(tick) + 4), f"{tick:.0%}".replace("%", " %"), "end")
    low, high = min(scores), max(scores)
    for tick, label in _named(score, low, high):
        canvas.text((end + 6, score(tick) + 4), label)
    places = {trial.spec.trial: place for place, trial in enumerate(scored)}
    for trial in winner_last(sorted(scored, key=lambda trial: trial.scores[rung - 1])):
        place = places[trial.spec.trial]
        points = [(LEFT + gap * number, kept(one.kept[place])) for number, one in enumerate(sets)]
        points.append((end, score(scores[place])))
        title = f"{trial.title}\nkept: {', '.join(f'{one.label} {share_text(one.kept[place])}' for one in sets)}"
        strength = (scores[place] - low) / (high - low) if high > low else 0.5
        canvas.path(
            points, "line winner" if trial.is_winner else "line", title, "" if trial.is_winner else _mix(strength)
        )
    return canvas.render()


def _named(score: Scale, low: float, high: float) -> list[tuple[float, str]]:
    """Return the places of the score's axis that have a name: its two ends, and round values well apart from them."""
    ticks = score.ticks(4)
    ends = [(value, share_text(value)) for value in dict.fromkeys((low, high))]
    apart = [
        (tick, label)
        for tick, label in zip(ticks, share_labels(ticks), strict=True)
        if all(abs(score(tick) - score(value)) > APART for value, _ in ends)
    ]
    return [*ends, *apart]


def _name(canvas: Canvas, x: float, label: str) -> None:
    """Draw an axis with its name below it, turned so that long ones fit."""
    canvas.line((x, TOP), (x, HEIGHT - BOTTOM), "axis")
    short = label if len(label) <= LETTERS else f"…{label[-LETTERS + 1 :]}"
    canvas.turned((x + 3, HEIGHT - BOTTOM + 12), short, label)


def _mix(strength: float) -> str:
    red, green, blue = (round(a + (b - a) * strength) for a, b in zip(WORST, BEST, strict=True))
    return f"#{red:02x}{green:02x}{blue:02x}"
