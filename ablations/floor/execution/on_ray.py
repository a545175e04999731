"""The executor on Ray: Tune's actors measure, as many at once as was asked for.

Ray is imported once its session is there: it reads its environment on import.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from ablations.floor.execution.session import StudySession
from ablations.floor.execution.worker import Work
from search.execution.cluster import connected, ray_session
from search.execution.interrupts import Interrupts
from search.setup.resources import Machines, Needs, check_resources, this_machine

MOST_HERE = 8
"""Workers on this machine, where nobody said how many."""


class RayStudyExecutor:
    """Runs on a private Ray session, or on a cluster.

    Args:
        address: Of the cluster; None for a private session.
        workers: Conditions at once; None for as many as fit on this machine, at most `MOST_HERE`, or on the nodes of
            the cluster.
        conditions: How many there are.
        cpus: Of each.
        gpus: Of each.
        storage: A folder for what Ray writes of its own.
    """

    def __init__(
        self, address: str | None, workers: int | None, conditions: int, cpus: float, gpus: float, storage: Path
    ) -> None:
        self._address, self._asked, self._conditions, self._storage = address, workers, conditions, storage
        self._cpus, self._gpus = cpus, gpus
        self._workers = 1

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Connect to Ray, or start a private session; inside another one it is that one."""
        if self._address is None:
            with ray_session(None, self._needs(this_machine())):
                yield
            return
        with connected(self._address):
            from search.execution.nodes import cluster_now

            there = cluster_now()
            check_resources(self._needs(there), there)
            yield

    def _needs(self, there: Machines) -> Needs:
        """Decide how many measure at once, by what there is."""
        most = MOST_HERE if self._address is None else self._conditions
        fit = min(most, self._conditions, there.slots(self._cpus, self._gpus))
        self._workers = self._asked or max(1, fit)
        return Needs(self._workers, self._cpus, self._gpus, finetune_workers=None, finetune_gpu=False)

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
