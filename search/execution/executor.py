"""The executor's interface: Ray or this process carries out what a search decides, which knows nothing of either."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from search.control.session import SearchSession
from search.execution.trial import Trials
from trainers.job import FinetuneJob, FinetuneResult, OnEpoch
from trainers.progress import Check, OnProgress, unchecked
from trainers.workers import Workers

Lost = Callable[[str], None]
"""Hears what is gone, in words."""
_T = TypeVar("_T")


class Executor(Protocol):
    """Runs trials and fine-tunes. Both executors give the same results to the bit, on one fine-tune worker."""

    def ready(self) -> AbstractContextManager[None]:
        """Make what it needs available within a block.

        Raises:
            ResourceError: this machine, or the cluster, has less than the run needs.
        """

    def watched(self, lost: Lost) -> AbstractContextManager[None]:
        """Within a block, call `lost` in another thread once what it needs is gone and cannot come back."""

    def run_trials(self, session: SearchSession, context: Trials) -> None:
        """Run the search to its end, or to an interrupt. The session holds the outcome."""

    def compute(self, work: Callable[..., _T], *arguments: Any) -> _T:
        """Return `work(*arguments, device)`, computed where a GPU is, if the run may use one; see `Compute`."""

    def stream(self, work: Callable[..., Iterator[_T]], *arguments: Any) -> Iterator[_T]:
        """Yield what `work(*arguments, device)` yields, computed where `compute` would; see `Stream`."""

    def finetune_workers(self) -> Workers:
        """Return how many workers a fine-tune would have now: on a cluster, nodes come and go."""

    def finetunes_at_once(self) -> int:
        """Return how many fine-tunes there is room for at once, each with its own workers; at least one."""

    def finetune(
        self, job: FinetuneJob, on_epoch: OnEpoch, on_progress: OnProgress, check: Check = unchecked, among: int = 1
    ) -> FinetuneResult:
        """Train the winner. Where there is room for several, several threads may each train something.

        Args:
            job: what is trained, and how.
            on_epoch: hears of each epoch; of those of an interrupted part first.
            on_progress: hears what is being done, from the first second on.
            check: called every second or so; what it raises ends the training.
            among: how many are trained at once; a range of workers ends at an equal part.

        Raises:
            TrainerError: the training cannot begin, diverged, or lost its workers.
        """
