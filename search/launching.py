"""The headless entry: start a run or go on with one, for the command line, studies and tests."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from search.errors import ConfigError
from search.execution.registry import executor_of
from search.execution.scratch import scratch_root
from search.execution.survey import surveyed_needs
from search.outcome.outputs import has_model, lacking_outputs, write_outputs
from search.outcome.summary import mlflow_ids
from search.run import Run, RunOutcome
from search.setup.address import check_answers
from search.setup.caching import tidy_cache
from search.setup.config import ExecutorName, RunConfig, make_config, placed, with_destination
from search.setup.factories import check_run_factory, remember_factory
from search.setup.holdout_training import as_begun
from search.setup.own_score import check_has_data
from search.setup.preparation import Prepared, prepare
from search.setup.recorded import check_owner, check_recorded
from search.setup.resources import Needs
from search.setup.scope import Scope, names_where
from search.setup.servers import check_servers, remember_servers
from tracking.events import Event, payloads_of
from tracking.kinds import RunStatus
from tracking.ledger import Ledger
from tracking.payloads import LlmCall, PlanReady, RunEnded, RunStarted
from tracking.phases import asked_trials, unsettled_trips
from tracking.reader import read_ledger
from tracking.runs import RunDir, RunDirs
from tracking.stores import destination_of_run
from tracking.study_payloads import StudyStarted
from tracking.tracker import NullTracker, Tracker, read_state
from trainers.history import EpochReport
from trainers.progress import Progress

_log = logging.getLogger(__name__)


class Listener(Protocol):
    """What watches a run."""

    def remember(self, events: Sequence[Event]) -> None:
        """Hear what the ledger of a resumed run holds already."""

    def event(self, event: Event) -> None:
        """Hear of a new event, after it is on disk."""

    def base_epoch(self, report: EpochReport, epochs: int) -> None:
        """Hear that the base model was trained for one more of so many epochs."""

    def finetune_progress(self, progress: Progress) -> None:
        """Hear what the fine-tune is doing, from its first second on."""


class Quiet:
    """A listener that can fail once: the failure is logged, and from then on it hears nothing.

    What shows a run to a person can never end it.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener: Listener | None = listener

    def remember(self, events: Sequence[Event]) -> None:
        """Pass on what the ledger holds already."""
        self._tell(lambda listener: listener.remember(events))

    def event(self, event: Event) -> None:
        """Pass on a new event."""
        self._tell(lambda listener: listener.event(event))

    def base_epoch(self, report: EpochReport, epochs: int) -> None:
        """Pass on an epoch of the base's training."""
        self._tell(lambda listener: listener.base_epoch(report, epochs))

    def finetune_progress(self, progress: Progress) -> None:
        """Pass on what the fine-tune is doing."""
        self._tell(lambda listener: listener.finetune_progress(progress))

    def _tell(self, what: Callable[[Listener], None]) -> None:
        if self._listener is None:
            return
        try:
            what(self._listener)
        except Exception:  # noqa: BLE001  a boundary: nothing that watches a run belongs to it
            _log.exception("%s failed and shows nothing more; the run goes on", type(self._listener).__name__)
            self._listener = None


class Launch:
    """A run that is about to begin, or to go on: all that could be refused was checked, and its ledger is open.

    Attributes:
        folder: of the run.
        config: of the run.
        placed_by_variable: whether RAY_ADDRESS, and no option, says on which cluster it runs.
    """

    def __init__(
        self,
        prepared: Prepared,
        folder: RunDir,
        ledger: Ledger,
        added_trials: int = 0,
        *,
        placed_by_variable: bool = False,
    ) -> None:
        self.placed_by_variable = placed_by_variable
        self.folder, self.config = folder, prepared.config
        self._prepared, self._ledger, self._added_trials = prepared, ledger, added_trials

    @property
    def needs(self) -> Needs:
        """The workers of each phase, and what each of them has."""
        return self._prepared.needs

    @property
    def weights(self) -> str | None:
        """Which published weights are pruned, in words; None where they are trained here or read from a file."""
        return self._prepared.weights_words

    @property
    def images(self) -> str:
        """How images are prepared, in words; empty where the dataset's images are always prepared in one way."""
        return self._prepared.images_words

    @property
    def resumed_after(self) -> int | None:
        """The number of the last event before it goes on; None for a new run."""
        return self._ledger.events[-1].seq if self._ledger.events else None

    def close(self) -> None:
        """Close the ledger without a run."""
        self._ledger.close()

    def execute(self, listeners: Sequence[Listener] = ()) -> RunOutcome:
        """Run to the end, or to the user's interrupt. The ledger is closed then, and this value is used up.

        Args:
            listeners: hear of each event.

        Raises:
            SearchFailedError: no trial was completed.
            Exception: any other error of the run. It is recorded before it is raised.
        """
        heard = [Quiet(listener) for listener in listeners]

        def base_epoch(report: EpochReport, epochs: int) -> None:
            for listener in heard:
                listener.base_epoch(report, epochs)

        def finetune_progress(progress: Progress) -> None:
            for listener in heard:
                listener.finetune_progress(progress)

        with self._ledger as ledger:
            for listener in heard:
                listener.remember(ledger.events)
                ledger.subscribe(listener.event)
            executor = executor_of(self.config, self._prepared.needs, self.folder.path / "ray")
            tracker = tracker_of(self.config, self.folder)
            return Run(
                *(self._prepared, self.folder, ledger, tracker, executor, base_epoch),
                added_trials=self._added_trials,
                finetune_progress=finetune_progress,
            ).execute()


def begin(config: RunConfig) -> Launch:
    """Prepare a new run, in a folder of its own.

    Raises:
        SearchError: the configuration cannot be used; also the errors of other rooms that `prepare` names.
    """
    prepared = _surveyed(prepare(_reachable(with_destination(config))))
    folder = RunDirs(config.runs).create(config.model, config.arm, f"s{config.seed}")
    for name in (config.model, config.dataset):
        remember_factory(folder.path, name)
    remember_servers(folder.path, prepared.config)
    return Launch(prepared, folder, Ledger.create(folder.ledger), placed_by_variable=_moved(config, prepared))


def reopen(
    folder: RunDir,
    *,
    add_trials: int = 0,
    elsewhere: Mapping[str, Any] | None = None,
    trusted: Collection[str] = (),
) -> Launch:
    """Prepare an interrupted run to go on, or any run to be extended.

    Args:
        folder: of the run.
        add_trials: how many trials the search is extended by.
        elsewhere: fields of the configuration that say where it goes on, and with how many workers; None in it, and
            the rest, is as the run began.
        trusted: the factory and the servers that the ledger may name, beside those that the user named when the run
            began on this machine.

    Raises:
        UntrustedFactoryError: the ledger names another factory.
        UntrustedServerError: the ledger names another server.
        ConfigError: there is nothing to go on with.
        TrackingError: the ledger cannot be read, is another run's, or contradicts its plan.
        SearchError: the configuration cannot be used here; also the errors of other rooms that `prepare` names.
    """
    events = read_ledger(folder.ledger)
    if _is_finished(folder, events) and not add_trials:
        raise ConfigError(
            f"The run {folder.run_id} is finished, there is nothing to resume; --add-trials extends it, and --outputs "
            f"makes its summary, plots and report again. Its report: {folder.report}"
        )
    started = payloads_of(events, RunStarted)
    studies = payloads_of(events, StudyStarted)
    if studies:
        name = studies[0].study
        raise ConfigError(
            f"{folder.path} holds the study {name!r} and no run: go on with `ablate {name} --output {folder.path}`."
        )
    if not started:
        raise ConfigError(f"The ledger of {folder.run_id} holds no event yet: start a new search instead.")
    check_owner(folder, started[0])
    check_has_data(started[0].dataset, str(folder.path))
    changed = {name: value for name, value in (elsewhere or {}).items() if value is not None}
    # The folder of runs may be recorded relative to where the run began.
    here = {"runs": folder.path.parent, "trials": asked_trials(events) + add_trials}
    config = make_config({**_begun_with(started[0], changed), **changed, **here})
    check_run_factory(folder, config.model, trusted)
    check_run_factory(folder, config.dataset, trusted, what="its dataset")
    check_servers(folder, config, (*trusted, str(changed.get("ray_address"))))
    for name in (config.model, config.dataset):
        remember_factory(folder.path, name)
    remember_servers(folder.path, config)
    prepared = prepare(
        _reachable(config),
        earlier=payloads_of(events, LlmCall),
        unsettled=unsettled_trips(events),
        begun=next(iter(payloads_of(events, PlanReady)), None),
    )
    by_variable = _moved(config, prepared)
    check_recorded(folder.ledger, events, prepared)
    prepared = _surveyed(prepared)
    return Launch(prepared, folder, Ledger.open(folder.ledger), add_trials, placed_by_variable=by_variable)


def is_complete(folder: RunDir) -> bool:
    """Whether a run is finished and all its outputs are there, so that a resume has nothing to do."""
    events = read_ledger(folder.ledger)
    return _is_finished(folder, events) and not lacking_outputs(folder, events)


def remake_outputs(folder: RunDir, *, asked: bool = False) -> RunOutcome | None:
    """Make the outputs of a finished run again where they are missing or old: its ledger holds all that they say.

    Args:
        folder: of the run.
        asked: make them again in any case, also those of a run that is not finished.

    Returns:
        The run as it ended; None if there was nothing to do.

    Raises:
        TrackingError: the ledger cannot be read, or another process writes it.
    """
    with Ledger.open(folder.ledger) as ledger:
        events = ledger.events
        started = payloads_of(events, RunStarted)
        if not started or not (asked or (_is_finished(folder, events) and lacking_outputs(folder, events))):
            return None
        state = read_state(folder.path)
        outputs = write_outputs(folder, events, mlflow_ids(state))
    return RunOutcome(
        folder, make_config(started[0].config), events, outputs.summary, state.in_sync, state.reason, outputs.failed
    )


def _begun_with(started: RunStarted, changed: Mapping[str, Any]) -> dict[str, Any]:
    """The recorded configuration; without its cluster and its workers where the run goes on in this process alone."""
    config = as_begun(started.config)
    if changed.get("executor") != ExecutorName.LOCAL:
        return config
    places = names_where(RunConfig, lambda scope: scope is Scope.PLACE)
    return {name: value for name, value in config.items() if name not in places}


def start(config: RunConfig, listeners: Sequence[Listener] = ()) -> RunOutcome:
    """Run a new search to its end; see `begin` for the errors."""
    return begin(config).execute(listeners)


def resume(
    run: str,
    runs: Path = Path("runs"),
    listeners: Sequence[Listener] = (),
    *,
    add_trials: int = 0,
    elsewhere: Mapping[str, Any] | None = None,
    trusted: Collection[str] = (),
) -> RunOutcome:
    """Go on with a run to its end. Of a finished one, outputs that are missing are made again.

    Args:
        run: its id, the beginning of one, its path, or `latest`.
        runs: the folder of the run folders.
        listeners: hear of each event.
        add_trials: see `reopen`.
        elsewhere: see `reopen`.
        trusted: see `reopen`.
    """
    folder = RunDirs(runs).resolve(run)
    again = None if add_trials else remake_outputs(folder)
    if again is not None:
        return again
    return reopen(folder, add_trials=add_trials, elsewhere=elsewhere, trusted=trusted).execute(listeners)


def _is_finished(folder: RunDir, events: Sequence[Event]) -> bool:
    """Whether a run has come to its end, no session has begun after it, and the model that it exported is there."""
    match events[-1].payload if events else None:
        case RunEnded(status=RunStatus.FINISHED):
            return has_model(folder, events)
        case _:
            return False


def _reachable(config: RunConfig) -> RunConfig:
    """The configuration with its place: a private session, whose sockets have one, or a cluster that answers."""
    tidy_cache()
    config = placed(config)
    if config.executor is ExecutorName.RAY:
        if config.cluster is None:
            scratch_root()
        check_answers(config.cluster)
    return config


def _surveyed(prepared: Prepared) -> Prepared:
    """The same, with the workers that there is room for where it runs; looked at last, because nodes are waited for."""
    try:
        return replace(prepared, needs=surveyed_needs(prepared))
    except BaseException:
        if prepared.client is not None:
            prepared.client.close()
        raise


def _moved(config: RunConfig, prepared: Prepared) -> bool:
    return prepared.config.ray_address != config.ray_address


def tracker_of(config: RunConfig, folder: RunDir) -> Tracker:
    """Return what mirrors a run in MLflow; one that does nothing where that is not wanted."""
    if not config.mlflow:
        return NullTracker()
    from search.outcome.mirrored import making
    from tracking.mirror.mlflow_view import MlflowMirror

    destination = destination_of_run(folder, config.model_dump())
    return MlflowMirror(folder, destination.uri, destination.experiment, making=making((config.model,)))
