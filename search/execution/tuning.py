"""Ray Tune: thin adapters between its loop and whoever decides, and the one call that runs its actors."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import ray
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.search import Searcher
from ray.tune.stopper import Stopper

from search.control.report import Report
from search.control.session import SearchSession
from search.errors import ResourceError
from search.execution.actor import TrialActor
from search.execution.handing import propagate_no_secrets
from search.execution.nodes import MOST_WORKERS, Room
from search.execution.served import REPORT, Served, TaskConfig, Turn
from search.execution.starting import describe_unfit, nodes_that_start_nothing
from search.execution.trial import Trials, trial_config

_LIVE: WeakValueDictionary[int, Served] = WeakValueDictionary()


class ServedHandle:
    """A reference to a live session that survives Tune's pickling of its searcher and stopper.

    `Tuner` pickles both to write its own restore file, which we never read: resume goes through the ledger. The handle
    pickles as a key, so no thread, lock or socket is touched, and a copy in this process finds the same session.
    """

    def __init__(self, served: Served) -> None:
        self._key = id(served)
        _LIVE[self._key] = served

    @property
    def served(self) -> Served:
        """The session itself."""
        return _LIVE[self._key]


class ServedSearcher(Searcher):
    """Asks the session for the next task, and tells it of tasks whose process died."""

    def __init__(self, handle: ServedHandle) -> None:
        super().__init__()
        self._handle = handle
        self._tasks: dict[str, TaskConfig] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the next task as Tune's configuration; None for "not yet"."""
        turn = self._handle.served.take()
        if turn.over:
            return Searcher.FINISHED
        if turn.config is None:
            return None
        self._tasks[trial_id] = turn.config
        return dict(turn.config)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Report a task that ended without a report: one that ended in order is known to the session."""
        self._handle.served.lost(self._tasks[trial_id])

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: the ledger holds what a resume needs."""

    def restore(self, checkpoint_path: str) -> None:
        """Refuse."""
        raise RuntimeError("what is interrupted resumes from its ledger, never from Tune's own files")


class ServedStopper(Stopper):
    """Gives each result to the session. Tune asks its stopper before anything else acts on a result."""

    def __init__(self, handle: ServedHandle) -> None:
        self._handle = handle

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Return whether the task must stop."""
        if REPORT not in result:
            # The actor's process died: Tune repeats the last thing it knows, and on_trial_complete tells the session.
            return True
        return self._handle.served.report(result[REPORT])

    def stop_all(self) -> bool:
        """Return whether the user interrupted the session."""
        return self._handle.served.interrupted


class DeadlineWatch(tune.Callback):
    """Kills the actor of a task that is over its deadline; Tune then reports the death, and the other tasks go on.

    Tune knows no deadline, and a process that hangs cannot watch itself. Its loop calls this at least every tenth of a
    second.
    """

    def __init__(self, handle: ServedHandle) -> None:
        self._handle = handle
        self._begun: dict[str, float] = {}

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Kill what is overdue."""
        now = time.monotonic()
        for trial in trials:
            actor = trial.temporary_state.ray_actor
            if trial.status != Trial.RUNNING or actor is None:
                continue
            taken = now - self._begun.setdefault(trial.trial_id, now)
            if self._handle.served.overdue(trial.config, taken):
                ray.kill(actor)


def run_actors(
    served: Served, actor: type[tune.Trainable], shared: Any, *, workers: int, cpus: float, gpus: float, storage: Path
) -> None:
    """Run a session to its end, or to an interrupt. The session holds the outcome.

    Args:
        served: decides what is run.
        actor: does it; its `setup` takes `context`, and its `step` returns a report under REPORT.
        shared: the `context`, which every actor loads once from Ray's object store.
        workers: actors that run at once.
        cpus: of each worker.
        gpus: of each worker.
        storage: a folder for what Tune writes of its own.
    """
    handle = ServedHandle(served)
    propagate_no_secrets()
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(actor, context=shared), {"cpu": cpus, "gpu": gpus}),
        tune_config=tune.TuneConfig(
            search_alg=ServedSearcher(handle),
            num_samples=-1,
            max_concurrent_trials=workers,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name="trials",
            storage_path=str(storage),
            stop=ServedStopper(handle),
            callbacks=[DeadlineWatch(handle)],
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
        ),
    )
    tuner.fit()


class ServedSearch:
    """A search as Tune's loop asks it.

    Args:
        session: decides what is run.
        room: how many trials may run at once, by now.
        unfit: returns the nodes on which no trial can start; asked when one was lost.

    Attributes:
        unfit_nodes: those, once there is one; the search then ends, and what runs is left to a resume.
    """

    def __init__(
        self,
        session: SearchSession,
        room: Callable[[], int],
        unfit: Callable[[], list[str]] = list,
    ) -> None:
        self._session, self._room, self._unfit = session, room, unfit
        self._open = 0
        self.unfit_nodes: list[str] = []

    @property
    def interrupted(self) -> bool:
        """Whether the user interrupted the search, or a node takes trials and loses them."""
        return self._session.interrupted or bool(self.unfit_nodes)

    def take(self) -> Turn:
        """Decide what to run now; nothing while as many run as there is room for."""
        if self._open >= self._room():
            return Turn(None, over=False)
        turn = self._session.next()
        if turn.spec is None:
            return Turn(None, turn.over)
        self._open += 1
        return Turn(trial_config(turn.spec), turn.over)

    def report(self, report: Report) -> bool:
        """Take a report; return whether its trial must stop."""
        return self._session.on_report(report)

    def lost(self, config: TaskConfig) -> None:
        """Hear that a trial ended, in order or not."""
        self._open -= 1
        trial = int(config["trial"])
        if not self.interrupted and self._session.history.result(trial) is None:
            self.unfit_nodes = self._unfit()
        if not self.unfit_nodes:
            self._session.on_lost(trial, "the process of its trial actor died")

    def overdue(self, config: TaskConfig, taken_s: float) -> bool:
        """Return whether a trial hangs."""
        return self._session.overdue(int(config["trial"]), taken_s)


def run_trials(
    session: SearchSession,
    context: Trials,
    *,
    workers: int,
    cpus: float,
    gpus: float,
    storage: Path,
    follows: bool = False,
    elsewhere: bool = False,
) -> None:
    """Run the search to its end. The session holds the outcome.

    Args:
        session: decides what is run.
        context: what every trial shares.
        workers: trials that run at once.
        cpus: of each worker.
        gpus: of each worker.
        storage: a folder for what Tune writes of its own.
        follows: whether nodes that join get trials, too, and the number of workers is only that of the beginning.
        elsewhere: whether the nodes are other machines, whose disks may be full while this one's is not.

    Raises:
        ResourceError: a trial was lost, and there is a node on which Ray starts no process any more.
    """
    unfit = nodes_that_start_nothing if elsewhere else list
    served = ServedSearch(session, Room(cpus, gpus) if follows else lambda: workers, unfit)
    most = MOST_WORKERS if follows else workers
    run_actors(served, TrialActor, context, workers=most, cpus=cpus, gpus=gpus, storage=storage)
    if served.unfit_nodes:
        raise ResourceError(describe_unfit(served.unfit_nodes))
