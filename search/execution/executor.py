"""Who carries out what a search decides: Ray, or this process. Deciding knows this interface and nothing of either."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from search.control.session import SearchSession
from search.execution.trial import TrialContext
from trainers.history import EpochReport
from trainers.job import FinetuneJob, FinetuneResult

OnEpoch = Callable[[EpochReport], None]


class Executor(Protocol):
    """Runs trials and fine-tunes. Both executors give the same results to the bit, on one fine-tune worker."""

    def ready(self) -> AbstractContextManager[None]:
        """What it needs is there within this block. Raises ResourceError."""

    def run_trials(self, session: SearchSession, context: TrialContext) -> None:
        """Run the search to its end, or to an interrupt; the session holds the outcome."""

    def finetune(self, job: FinetuneJob, on_epoch: OnEpoch) -> FinetuneResult:
        """Train the winner; tells of each epoch, those of an interrupted part first. Raises the trainers' errors."""
