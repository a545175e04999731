"""The seam of execution: this process or Ray measures what a session decides, which knows nothing of either."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from ablations.floor.execution.session import StudySession
from ablations.floor.execution.worker import Work
from search.execution.interrupts import Interrupts


class StudyExecutor(Protocol):
    """Measures conditions. Both executors give the same figures, but for those that are timed."""

    def ready(self) -> AbstractContextManager[None]:
        """Make what it needs available within a block.

        Raises:
            ResourceError: This machine, or the cluster, has less than the study needs.
        """

    def watched(self, lost: Callable[[str], None]) -> AbstractContextManager[None]:
        """Within a block, call `lost` in another thread once what it needs is gone and cannot come back."""

    def run(self, session: StudySession, work: Work, interrupts: Interrupts) -> None:
        """Run the session to its end, or to an interrupt.

        Raises:
            KeyboardInterrupt: The user interrupted it.
        """
