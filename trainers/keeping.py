"""When the state of a fine-tune is saved, and where it continues from: all workers decide alike."""

import time
from pathlib import Path

import torch

from trainers.history import History
from trainers.identity import Identity
from trainers.loop import CHECK_STEPS, Training
from trainers.place import Place
from trainers.progress import Standing
from trainers.sharing import shared_state
from trainers.state import Around, read_state, restore_state, save_state

_LOOK_S = 5.0
"""Workers agree on what to do next at least every so many seconds, as far as a step is not longer."""


class Keeper:
    """Saves the state of one training after each epoch, and within an epoch every so many seconds."""

    def __init__(self, path: Path, identity: Identity, place: Place, every_s: float) -> None:
        """Begin to measure time.

        Args:
            path: of the newest state.
            identity: of the training.
            place: this worker; rank 0 alone reads and writes.
            every_s: seconds between two states within an epoch.
        """
        self._path, self._identity, self._place, self._every_s = path, identity, place, every_s
        self._saved = time.monotonic()

    def restore(self, training: Training) -> History:
        """Continue from the newest state that is whole, if there is one; returns the epochs done.

        Raises:
            StateError: it is another training's; all workers raise it.
        """
        found = shared_state(self._place, lambda: read_state(self._path, self._identity))
        return () if found is None else restore_state(found, training, self._place.rank)

    def epoch_ended(self, training: Training, history: History) -> None:
        """Save the state between two epochs."""
        if self._place.is_main:
            save_state(self._path, training, Around(history, self._identity))
        self._saved = time.monotonic()

    def check(self, training: Training, history: History, standing: Standing) -> int:
        """Save the state within an epoch if it is time; returns the steps until this is to be asked again."""
        is_due, steps = self._agreed(standing)
        if is_due:
            chances, losses = self._place.gathered(training.chance()), self._place.gathered(training.within.loss)
            if self._place.is_main:
                around = Around(history, self._identity, chances, losses, standing.wall_s)
                save_state(self._path, training, around)
            self._saved = time.monotonic()
        return steps

    def _agreed(self, standing: Standing) -> tuple[bool, int]:
        """Rank 0's decision, by its own clock."""
        waited = time.monotonic() - self._saved
        is_due = waited >= self._every_s
        ahead = min(_LOOK_S, self._every_s if is_due else self._every_s - waited)
        steps = min(CHECK_STEPS, max(1, int(ahead * standing.steps_per_s)))
        decided = torch.tensor([int(is_due), steps], device=self._place.device)
        due, agreed = self._place.broadcast(decided).tolist()
        return bool(due), int(agreed)
