"""The fine-tune, epoch by epoch: loss, accuracy on the holdout with what it is measured against, learning rate."""

import math
from collections.abc import Sequence

from search.outcome.charts.frame import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Frame, whole_ticks
from search.outcome.charts.scale import Scale
from search.outcome.charts.svg import Canvas
from search.outcome.formats import share_text
from tracking.payloads import FinetuneEpoch

HEIGHT = 230.0
CLOSE = 18.0
"""Pixels between two lines whose names would run into each other."""
LEAST = 2
"""Epochs that make a curve."""


def accuracy_curve(epochs: Sequence[FinetuneEpoch], base: float | None, proxy: float | None) -> str | None:
    """Draw the accuracy on the holdout; None where it was not scored twice.

    Where the holdout is trained on, it is drawn all the same, and said to be no holdout score.

    Args:
        epochs: of the fine-tune.
        base: accuracy of the base model on the same images.
        proxy: accuracy of the winner in its trial.
    """
    scored = [(epoch.epoch, epoch.holdout_accuracy) for epoch in epochs if epoch.holdout_accuracy is not None]
    label = "holdout accuracy by epoch"
    if is_trained_on(epochs):
        shares_of = ((epoch.epoch, epoch.trained_holdout_accuracy) for epoch in epochs)
        scored = [(epoch, share) for epoch, share in shares_of if share is not None]
        label = "accuracy by epoch on the holdout's images, which are trained on"
    if len(scored) < LEAST:
        return None
    lines = [(base, "base model"), (proxy, "winner in its trial")]
    shares = [*(share for _, share in scored), *(value for value, _ in lines if value is not None)]
    frame = Frame(label, shares, _range(epochs), height=HEIGHT)
    _name_epochs(frame, epochs)
    close = base is not None and proxy is not None and abs(frame.y(base) - frame.y(proxy)) < CLOSE
    for value, name in lines:
        if value is not None:
            words, below = f"{name}: {share_text(value)}", scored[-1][1] > value
            frame.across(value, words, at_left=close and name != "base model", below=below)
    frame.canvas.path([(frame.x(epoch), frame.y(share)) for epoch, share in scored], "line winner")
    for epoch, share in scored:
        frame.canvas.dot((frame.x(epoch), frame.y(share)), "winner", f"epoch {epoch}: {share_text(share)}", 2.5)
    return frame.canvas.render()


def is_trained_on(epochs: Sequence[FinetuneEpoch]) -> bool:
    """Whether the fine-tune trained on the holdout, so that its scores on it are no holdout scores."""
    return any(epoch.trained_holdout_accuracy is not None for epoch in epochs)


def loss_curve(epochs: Sequence[FinetuneEpoch]) -> str | None:
    """Draw the training loss; None where it was finite in fewer than two epochs."""
    return _curve("training loss by epoch", [(epoch.epoch, epoch.train_loss) for epoch in epochs], "{:.4f}")


def rate_curve(epochs: Sequence[FinetuneEpoch]) -> str | None:
    """Draw the learning rate at the end of each epoch."""
    return _curve("learning rate by epoch", [(epoch.epoch, epoch.lr) for epoch in epochs], "{:.2e}")


def _curve(label: str, values: Sequence[tuple[int, float]], form: str) -> str | None:
    points = [(epoch, value) for epoch, value in values if math.isfinite(value)]
    if len(points) < LEAST:
        return None
    canvas = Canvas(WIDTH, HEIGHT, label)
    top = max(value for _, value in points) or 1.0
    y, x = Scale(0, 1.05 * top, HEIGHT - BOTTOM, TOP), Scale(points[0][0], points[-1][0], LEFT, WIDTH - RIGHT)
    for tick in y.ticks(6):
        canvas.line((LEFT, y(tick)), (WIDTH - RIGHT, y(tick)), "grid")
        canvas.text((LEFT - 6, y(tick) + 4), f"{tick:g}" if abs(tick) >= 1e-3 or tick == 0 else f"{tick:.0e}", "end")
    for tick in whole_ticks(points[-1][0], points[0][0]):
        canvas.text((x(tick), HEIGHT - BOTTOM + 16), f"{tick:.0f}", "mid")
    canvas.text(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8), "epoch", "mid soft")
    canvas.path([(x(epoch), y(value)) for epoch, value in points], "line completed")
    for epoch, value in points:
        canvas.dot((x(epoch), y(value)), "completed", f"epoch {epoch}: {form.format(value)}", 2.5)
    return canvas.render()


def _range(epochs: Sequence[FinetuneEpoch]) -> tuple[float, float]:
    return float(epochs[0].epoch), float(epochs[-1].epoch)


def _name_epochs(frame: Frame, epochs: Sequence[FinetuneEpoch]) -> None:
    ticks = whole_ticks(epochs[-1].epoch, epochs[0].epoch)
    frame.name_x(ticks, [f"{tick:.0f}" for tick in ticks], "epoch")
