"""The executor in this process: no Ray, one condition after another, and breakpoints of a debugger work."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from ablations.floor.execution.session import StudySession
from ablations.floor.execution.worker import MeasureWorker, Work
from search.execution.interrupts import Interrupts


class LocalStudyExecutor:
    """Measures here. A signal interrupts a measurement; one that hangs also hangs the study."""

    def ready(self) -> AbstractContextManager[None]:
        """Return at once: nothing is needed."""
        return nullcontext()

    def watched(self, lost: Callable[[str], None]) -> AbstractContextManager[None]:
        """Watch nothing: nothing else is needed."""
        return nullcontext()

    def run(self, session: StudySession, work: Work, interrupts: Interrupts) -> None:
        """Measure one condition after another."""
        worker = MeasureWorker(work, "local")
        while True:
            interrupts.check()
            turn = session.take()
            if turn.over or turn.config is None:
                return
            session.report(worker.measure(turn.config))
