"""Ray Tune: thin adapters between its loop and the session, and the one call that runs the trials."""

import logging
import time
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import ray
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.search import Searcher
from ray.tune.stopper import Stopper

from search.control.session import SearchSession
from search.execution.actor import REPORT, TrialActor
from search.execution.handing import propagate_no_secrets
from search.execution.trial import TrialContext, trial_config

_LIVE: WeakValueDictionary[int, "SearchSession"] = WeakValueDictionary()


class SessionHandle:
    """A reference to a live session that survives Tune's pickling of its searcher and stopper.

    `Tuner` pickles both to write its own restore file, which we never read: resume goes through the ledger. The handle
    pickles as a key, so no thread, lock or socket is touched, and a copy in this process finds the same session.
    """

    def __init__(self, session: SearchSession) -> None:
        self._key = id(session)
        _LIVE[self._key] = session

    @property
    def session(self) -> SearchSession:
        """The session itself."""
        return _LIVE[self._key]


class SessionSearcher(Searcher):
    """Asks the session for the next trial, and tells it of trials whose process died."""

    def __init__(self, handle: SessionHandle) -> None:
        super().__init__()
        self._handle = handle
        self._trials: dict[str, int] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the next trial as Tune's configuration; None for "not yet"."""
        turn = self._handle.session.next()
        if turn.over:
            return Searcher.FINISHED
        if turn.spec is None:
            return None
        self._trials[trial_id] = turn.spec.trial
        return trial_config(turn.spec)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Report a trial that ended without a report: one that ended in order is known to the session."""
        self._handle.session.on_lost(self._trials[trial_id], "the process of its trial actor died")

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: the ledger holds what a resume needs."""

    def restore(self, checkpoint_path: str) -> None:
        """Refuse."""
        raise RuntimeError("a search resumes from its ledger, never from Tune's own files")


class SessionStopper(Stopper):
    """Gives each result to the session. Tune asks its stopper before anything else acts on a result."""

    def __init__(self, handle: SessionHandle) -> None:
        self._handle = handle

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Return whether the trial must stop."""
        if REPORT not in result:
            # The actor's process died: Tune repeats the last thing it knows, and on_trial_complete tells the session.
            return True
        return self._handle.session.on_report(result[REPORT])

    def stop_all(self) -> bool:
        """Return whether the user interrupted the search."""
        return self._handle.session.interrupted


class DeadlineWatch(tune.Callback):
    """Kills the actor of a trial that is over its deadline; Tune then reports the death, and the other trials go on.

    Tune knows no deadline of a trial, and a process that hangs cannot watch itself. Its loop calls this at least every
    tenth of a second.
    """

    def __init__(self, handle: SessionHandle) -> None:
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
            if self._handle.session.overdue(int(trial.config["trial"]), taken):
                ray.kill(actor)


def run_trials(
    session: SearchSession,
    context: TrialContext,
    *,
    workers: int,
    cpus: float,
    gpus: float,
    storage: Path,
) -> None:
    """Run the search to its end. The session holds the outcome.

    Args:
        session: decides what is run.
        context: what every trial shares.
        workers: trials that run at once.
        cpus: of each worker.
        gpus: of each worker.
        storage: a folder for what Tune writes of its own.
    """
    handle = SessionHandle(session)
    propagate_no_secrets()
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    actor = tune.with_resources(tune.with_parameters(TrialActor, context=context), {"cpu": cpus, "gpu": gpus})
    tuner = tune.Tuner(
        actor,
        tune_config=tune.TuneConfig(
            search_alg=SessionSearcher(handle),
            num_samples=-1,
            max_concurrent_trials=workers,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name="trials",
            storage_path=str(storage),
            stop=SessionStopper(handle),
            callbacks=[DeadlineWatch(handle)],
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
        ),
    )
    tuner.fit()
