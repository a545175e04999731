"""What the driver hears of a fine-tune, from the files that rank 0 writes."""

from pathlib import Path

from trainers.history import EpochTail
from trainers.job import EPOCHS, PROGRESS, OnEpoch
from trainers.progress import OnProgress, ProgressTail


class Heard:
    """Passes on what the workers have written, since it was last asked."""

    def __init__(self, out_dir: Path, on_epoch: OnEpoch | None, on_progress: OnProgress) -> None:
        self._epochs, self._progress = EpochTail(out_dir / EPOCHS), ProgressTail(out_dir / PROGRESS)
        self._on_epoch, self.tell = on_epoch, on_progress

    def new(self) -> None:
        """Pass on what is new."""
        for report in self._epochs.new():
            if self._on_epoch is not None:
                self._on_epoch(report)
        progress = self._progress.new()
        if progress is not None:
            self.tell(progress)
