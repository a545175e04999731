"""The history of a search: each trial's last score by its number, and the best completed one so far."""

from collections.abc import Sequence

from search.outcome.charts.frame import Frame, whole_ticks
from search.outcome.charts.svg import Point
from search.outcome.charts.trials import Drawn, winner_last
from tracking.kinds import TrialState

FAILED_AT = 6.0
"""Pixels above the axis at which failed trials are marked: they have no score."""


def history(trials: Sequence[Drawn]) -> str | None:
    """Draw it; None if no trial has a score."""
    scored = [trial for trial in trials if trial.scores]
    if not scored:
        return None
    last = max(trial.spec.trial for trial in trials)
    frame = Frame("score by trial", [trial.scores[-1] for trial in scored], (-0.5, last + 0.5))
    ticks = whole_ticks(last)
    frame.name_x(ticks, [f"{tick:.0f}" for tick in ticks], "trial")
    best = _best_so_far(frame, trials, last)
    if best:
        frame.canvas.path(best, "best", "best score of a completed trial so far")
    for trial in winner_last(scored):
        frame.canvas.dot((frame.x(trial.spec.trial), frame.y(trial.scores[-1])), trial.css, trial.title)
    for trial in trials:
        if trial.state is TrialState.FAILED and not trial.scores:
            frame.canvas.text(
                (frame.x(trial.spec.trial), frame.y.start - FAILED_AT), "×", "mid failed-text", trial.title
            )
    return frame.canvas.render()


def _best_so_far(frame: Frame, trials: Sequence[Drawn], last: int) -> list[Point]:
    points: list[Point] = []
    best: float | None = None
    for trial in trials:
        if trial.state is not TrialState.COMPLETED or not trial.scores:
            continue
        score = trial.scores[-1]
        if best is None or score > best:
            x = frame.x(trial.spec.trial)
            points += [(x, frame.y(best))] if best is not None else []
            points.append((x, frame.y(score)))
            best = score
    return [*points, (frame.x(last + 0.5), points[-1][1])] if points else []
