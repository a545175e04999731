"""The trials' scores rung by rung: how they were told apart, and which were stopped early."""

from collections.abc import Sequence

from search.outcome.charts.frame import Frame
from search.outcome.charts.trials import Drawn, winner_last


def rungs(trials: Sequence[Drawn]) -> str | None:
    """Draw it; None if no trial has a score."""
    scored = [trial for trial in trials if trial.scores]
    if not scored:
        return None
    longest = max(scored, key=lambda trial: len(trial.epochs))
    count = len(longest.epochs)
    frame = Frame("score by rung", [score for trial in scored for score in trial.scores], (0.8, max(count, 1.2) + 0.2))
    ticks = list(range(1, count + 1))
    labels = [f"{rung}: {_epochs(longest.epochs[rung - 1])}" for rung in ticks]
    frame.name_x([float(tick) for tick in ticks], labels if count <= 4 else [str(tick) for tick in ticks], "rung")
    for trial in winner_last(scored):
        points = [(frame.x(number), frame.y(score)) for number, score in enumerate(trial.scores, start=1)]
        if len(points) > 1:
            frame.canvas.path(points, f"line {trial.css}", trial.title)
        for point in points:
            frame.canvas.dot(point, trial.css, trial.title, 3.5)
    return frame.canvas.render()


def _epochs(count: int) -> str:
    return "untrained" if count == 0 else f"{count} epoch{'s' * (count > 1)}"
