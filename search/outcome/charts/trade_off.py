"""Accuracy against MACs: the base, the winner after its fine-tune, and all trials."""

from collections.abc import Sequence
from itertools import chain, count

from search.outcome.charts.frame import LEFT, TOP, WIDTH, Frame
from search.outcome.charts.trials import Drawn
from search.outcome.formats import macs_text, share_text
from search.outcome.summary import Summary

LINE = 15.0
"""Pixels between two lines of text."""


def trade_off(summary: Summary, trials: Sequence[Drawn]) -> str | None:
    """Draw it; None if nothing has an accuracy yet."""
    base, winner = summary.baseline, summary.winner
    scored = [trial for trial in trials if trial.scores]
    read = [one.accuracy for one in (base, winner) if one is not None and one.accuracy is not None]
    accuracies = [*read, *(trial.scores[-1] for trial in scored)]
    most = max([base.macs if base else 0, *(trial.spec.macs for trial in scored)])
    if not accuracies or not most:
        return None
    frame = Frame("accuracy against MACs", accuracies, (0, 1.12 * most))
    ticks = frame.x.ticks(5)
    frame.name_x(ticks, [macs_text(round(tick)) if tick else "0" for tick in ticks], "MACs of one forward pass")
    if summary.target_macs:
        x = frame.x(summary.target_macs)
        frame.canvas.line((x, TOP), (x, frame.y.start), "target", f"target: {macs_text(summary.target_macs)}")
        frame.canvas.text((x + 5, frame.y.start - 6), "target", "soft")
    for trial in scored:
        frame.canvas.dot((frame.x(trial.spec.macs), frame.y(trial.scores[-1])), f"{trial.css} faint", trial.title, 3.5)
    taken: list[float] = []
    for one, css, name in ((winner, "winner", "winner, fine-tuned"), (base, "base", "base model")):
        if one is not None and one.accuracy is not None:
            taken.append(_place(frame, one.macs, one.accuracy, css, name, taken))
    return frame.canvas.render()


def _place(frame: Frame, macs: int, accuracy: float, css: str, name: str, taken: Sequence[float]) -> float:
    """Draw a model and its name where no other name is, and return the height of the name."""
    x, y = frame.x(macs), frame.y(accuracy)
    words = f"{name}: {share_text(accuracy)} at {macs_text(macs)}, on the test set"
    (frame.canvas.square if css == "base" else frame.canvas.dot)((x, y), css, words)
    is_left = x > (LEFT + WIDTH) / 2
    above = [y - 9] if y - 9 > TOP else []
    places = chain(above, (y + 20 + (LINE + 1) * step for step in count()))
    free = next(height for height in places if all(abs(height - other) >= LINE for other in taken))
    at = (x + (4 if is_left else -4), free)
    frame.canvas.text(at, f"{name} {share_text(accuracy)}", f"{'end' if is_left else ''} strong {css}-text")
    return free
