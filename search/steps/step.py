"""What a step of a run is, and what all steps of a run share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, TypeVar

from search.execution.executor import Executor
from search.execution.interrupts import Interrupts
from search.setup.preparation import Prepared
from search.setup.search_ground import BaseProgress, load_base
from tracking.events import Event, payloads_of
from tracking.ledger import Ledger
from tracking.payloads import BaseReady, Payload
from tracking.runs import RunDir
from trainers.base import BaseModel
from trainers.datasets.base import Splits
from trainers.job import MODEL
from trainers.progress import OnProgress, unheard

_P = TypeVar("_P", bound=Payload)
Part = Callable[[Sequence[Event]], Sequence[Event]]
"""Picks the events of a ledger that count, as `since_winner` does."""


@dataclass(frozen=True)
class RunContext:
    """What the steps of one run share.

    Attributes:
        folder: where the run keeps its files.
        ledger: the only state: a step does not do again what it holds.
        executor: runs trials and the fine-tune.
        base_progress: hears of each epoch that the base is trained for.
        finetune_progress: hears what the fine-tune is doing.
    """

    prepared: Prepared
    folder: RunDir
    ledger: Ledger
    executor: Executor
    interrupts: Interrupts
    base_progress: BaseProgress
    finetune_progress: OnProgress = unheard

    @cached_property
    def splits(self) -> Splits:
        """The dataset, read once."""
        return self.prepared.splits()

    @cached_property
    def base(self) -> BaseModel:
        """The base model, trained or read once; scored only where the ledger does not hold its accuracy."""
        recorded = self.find(BaseReady)
        return load_base(
            self.prepared,
            self.splits,
            progress=self.base_progress,
            accuracy=None if recorded is None else recorded.holdout_accuracy,
            compute=self.executor.compute,
            stream=self.executor.stream,
        )

    @property
    def pruned(self) -> Path:
        """Folder of the winner before its fine-tune."""
        return self.folder.path / "pruned"

    @property
    def finetune(self) -> Path:
        """Folder of the winner's fine-tune."""
        return self.folder.path / "finetune"

    @property
    def tuned(self) -> Path:
        """Folder of the fine-tuned model, before it is exported."""
        return self.finetune / MODEL

    def find(self, kind: type[_P], part: Part = lambda events: events) -> _P | None:
        """Return the last payload of a kind in a part of the ledger; None where there is none."""
        found = payloads_of(part(self.ledger.events), kind)
        return found[-1] if found else None


class Step(ABC):
    """One step of a run. It takes its input from the context and leaves its result in the ledger and the folder."""

    needs_executor: ClassVar[bool] = False
    """Whether the executor has to be ready while the step runs."""

    def __init__(self, context: RunContext) -> None:
        self.context = context

    @abstractmethod
    def is_done(self) -> bool:
        """Return whether the ledger holds all that the step would write."""

    @abstractmethod
    def run(self) -> None:
        """Do the work, and write down what came of it."""
