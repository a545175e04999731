"""What a driver of the benchmark is told: the fine-tune, and the faults that are planted in its workers."""

import os
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from trainers.recipe import Recipe

PLAN, DRIVER, STEPS, BEGUN, RESULT = "plan.json", "driver.pid", "steps.jsonl", "begun.jsonl", "result.json"
FILLER = "filler"
"""Files in the folder of a scenario."""


class Kind(StrEnum):
    """What happens at the beginning of a step."""

    WORKER_DIES = "worker dies"
    DRIVER_DIES = "driver dies"
    NOT_A_NUMBER = "not a number"
    DISK_FILLS = "disk fills"
    MEMORY_RUNS_OUT = "memory runs out"
    PASSES_SHRINK = "passes shrink"
    """From here on a pass has half as many images: what memory that ran out must come to."""


class Fault(BaseModel):
    """One fault, which happens once however often its step is taken.

    Attributes:
        step: counted from 1 over all epochs.
        rank: of the worker in which it happens.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    step: int
    rank: int = 0

    def is_due(self, folder: Path, step: int, rank: int) -> bool:
        """Return whether it happens now, and see to it that it does not again."""
        if (step, rank) != (self.step, self.rank):
            return False
        try:
            os.close(os.open(folder / f"fault-{self.rank}-{self.step}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True


class Plan(BaseModel):
    """A fine-tune with its faults.

    Attributes:
        out: its output folder.
        state_every_s: seconds between two states within an epoch.
        max_failures: how often workers may be lost.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoint: Path
    data: Path
    out: Path
    recipe: Recipe
    seed: int
    workers: int = 2
    state_every_s: float
    max_failures: int = 2
    faults: tuple[Fault, ...] = ()
