"""The report of an epoch, and the file from which epochs are read while a training runs."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ground.files import write_whole
from trainers.evaluate import Evaluation
from trainers.loop import EpochTrained


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One finished epoch.

    Attributes:
        epoch: counted from 1.
        train_loss: mean training loss, with label smoothing as trained.
        holdout_accuracy: top-1 on the holdout, 0…1, of the weights that are exported in the end; None where the holdout
            is trained on.
        holdout_loss: mean cross-entropy on the holdout, in nats; likewise.
        lr: learning rate of the epoch's last step.
        wall_s: seconds of training, without scoring.
        images_per_s: trained on by all workers together; None in records of earlier versions.
        waiting: share of the time in which rank 0's device waited for images; likewise.
        ema_accuracy: top-1 on the holdout of the averaged weights; None where there are none, and where the holdout is
            trained on.
        trained_holdout_accuracy: top-1 on the holdout's images where they are trained on, of the weights that are
            exported: no estimate of anything, but a warning where it is low. None elsewhere.
    """

    epoch: int
    train_loss: float
    holdout_accuracy: float | None
    holdout_loss: float | None
    lr: float
    wall_s: float
    images_per_s: float | None = field(default=None, compare=False)  # no two trainings are equally fast
    waiting: float | None = field(default=None, compare=False)
    ema_accuracy: float | None = None
    trained_holdout_accuracy: float | None = None

    @classmethod
    def of(
        cls, trained: EpochTrained, scored: Evaluation, average: Evaluation | None = None, *, on_trained: bool = False
    ) -> "EpochReport":
        """Make the report of an epoch that was trained and then scored.

        Args:
            trained: the epoch.
            scored: the weights that are exported in the end, on the holdout's images.
            average: the averaged weights, likewise.
            on_trained: whether these images are trained on, so that no score on them is a holdout score.
        """
        return cls(
            epoch=trained.epoch,
            train_loss=trained.train_loss,
            holdout_accuracy=None if on_trained else scored.accuracy,
            holdout_loss=None if on_trained else scored.loss,
            lr=trained.lr,
            wall_s=trained.wall_s,
            images_per_s=trained.images_per_s,
            waiting=trained.waiting,
            ema_accuracy=None if average is None or on_trained else average.accuracy,
            trained_holdout_accuracy=scored.accuracy if on_trained else None,
        )


History = tuple[EpochReport, ...]


class EpochTail:
    """Reads `epochs.jsonl` as it grows."""

    def __init__(self, path: Path) -> None:
        self._path, self._seen = path, 0

    def new(self) -> History:
        """The epochs that no earlier call returned. A line that is still being written is left to the next call."""
        reports = read_epochs(self._path)[self._seen :]
        self._seen += len(reports)
        return reports


def read_epochs(path: Path) -> History:
    """The reports in the file's complete lines; none if there is no file yet."""
    if not path.exists():
        return ()
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    return tuple(EpochReport(**json.loads(line)) for line in whole.splitlines())


def append_epoch(path: Path, report: EpochReport) -> None:
    """Add one report as a line of JSON; it is on the disk when this returns."""
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(asdict(report)) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def keep_epochs(path: Path, history: History) -> None:
    """Make the file hold exactly `history`: a worker may have died before or within its last line."""
    write_whole(path, "".join(json.dumps(asdict(report)) + "\n" for report in history), durable=True)
