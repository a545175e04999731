"""The executor on Ray: Tune's actors measure, as many at once as was asked for.

Ray is imported once its session is there: it reads its environment on import.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from ablations.floor.execution.session import StudySession
from ablations.floor.execution.worker import Work
from search.execution.cluster import ray_session
from search.execution.interrupts import Interrupts
from search.setup.resources import Needs


class RayStudyExecutor:
    """Runs on a private Ray session, or on a cluster.

    Args:
        address: Of the cluster; None for a private session.
        workers: Conditions at once.
        cpus: Of each.
        gpus: Of each.
        storage: A folder for what Ray writes of its own.
    """

    def __init__(self, address: str | None, workers: int, cpus: float, gpus: float, storage: Path) -> None:
        self._address, self._storage = address, storage
        self._workers, self._cpus, self._gpus = workers, cpus, gpus

    def ready(self) -> AbstractContextManager[None]:
        """Connect to Ray, or start a private session; inside another one it is that one."""
        needs = Needs(self._workers, self._cpus, self._gpus, finetune_workers=None, finetune_gpu=False)
        return ray_session(self._address, needs)

    def watched(self, lost: Callable[[str], None]) -> AbstractContextManager[None]:
        """Watch the processes of a private session."""
        from search.execution.ray_watch import watched

        return watched(lost)

    def run(self, session: StudySession, work: Work, interrupts: Interrupts) -> None:
        """Measure by Tune."""
        from ablations.floor.execution.actor import MeasureActor
        from search.execution.tuning import run_actors

        with interrupts.flagged(session.interrupt):
            run_actors(
                session,
                MeasureActor,
                work,
                workers=self._workers,
                cpus=self._cpus,
                gpus=self._gpus,
                storage=self._storage,
            )
        interrupts.check()
