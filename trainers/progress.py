"""How a fine-tune stands, from its first second on: what it waits for, its speed, and when it ends."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from ground.files import write_whole

FINETUNE, FINALIST, FINALISTS = "fine-tune", "finalist", "finalists"
"""Whose progress it is: the winner's training, a finalist's (with its trial's number), or all finalists'."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a training has got within an epoch.

    Attributes:
        epoch: counted from 1.
        epochs: of the whole training.
        step: taken in this epoch.
        steps: of an epoch.
        loss: mean training loss of the epoch so far, over all workers.
        wall_s: seconds that the epoch has taken so far.
        images_per_s: trained on, by all workers together.
        waiting: share of the time in which rank 0's device waited for images; None if it is not known.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    wall_s: float
    images_per_s: float
    waiting: float | None = None

    @property
    def steps_per_s(self) -> float:
        """Steps a second in this epoch."""
        return self.step / self.wall_s

    @property
    def seconds_left(self) -> float:
        """Seconds until the last step at this speed, without what scoring takes."""
        left = self.steps - self.step + (self.epochs - self.epoch) * self.steps
        return left / self.steps_per_s


@dataclass(frozen=True, slots=True)
class Progress:
    """What a fine-tune is doing.

    Attributes:
        doing: in words, without a period.
        standing: how far the training has got; None while there is none.
        who: which training it is, where there are several.
    """

    doing: str
    standing: Standing | None = None
    who: str = FINETUNE

    def __str__(self) -> str:
        """Say it in one line."""
        at = self.standing
        if at is None:
            return self.doing
        left = timedelta(seconds=round(at.seconds_left))
        waiting = "" if at.waiting is None else f", {at.waiting:.0%} of the time waiting for them"
        return (
            f"{self.doing}: epoch {at.epoch}/{at.epochs}, step {at.step}/{at.steps}, loss {at.loss:.4f}, "
            f"{at.images_per_s:.4g} images/s{waiting}, {left} left"
        )


OnProgress = Callable[[Progress], None]
Check = Callable[[], None]
"""Called every second or so while a training runs; what it raises ends the training, as Ctrl-C does."""


def unheard(progress: Progress) -> None:
    """Nobody listens."""


def unchecked() -> None:
    """Nothing but its last epoch ends the training."""


class Paced:
    """Passes progress on: of how a training stands only the first, and then one every so many seconds."""

    def __init__(self, told: OnProgress, every_s: float) -> None:
        self._told, self._every_s = told, every_s
        self._next = float("-inf")

    def __call__(self, progress: Progress) -> None:
        """Pass on what is due."""
        now = time.monotonic()
        if progress.standing is None or now >= self._next:
            self._told(progress)
        if progress.standing is not None and now >= self._next:
            self._next = now + self._every_s


def write_progress(path: Path, progress: Progress) -> None:
    """Replace the file by this progress."""
    write_whole(path, json.dumps(asdict(progress)))


class ProgressTail:
    """Reads the file of a training's progress as it changes."""

    def __init__(self, path: Path) -> None:
        self._path, self._last = path, ""

    def new(self) -> Progress | None:
        """The progress, if it is another than at the last call."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        if text == self._last:
            return None
        self._last = text
        fields = json.loads(text)
        standing = fields["standing"]
        return Progress(fields["doing"], None if standing is None else Standing(**standing))
