"""Brings MLflow up to date with a ledger after the run, if its mirror was off or the server unreachable."""

from collections.abc import Mapping, Sequence
from typing import Any

from tracking.errors import EmptyLedgerError
from tracking.events import Event
from tracking.making import Making
from tracking.mirror.mlflow_writer import mirror_lock, open_writer
from tracking.payloads import RunStarted
from tracking.reader import read_ledger
from tracking.runs import RunDir
from tracking.stores import destination_of_run
from tracking.study_payloads import StudyStarted
from tracking.tracker import TrackingState, describe_missing


def sync(
    run: RunDir, tracking_uri: str | None = None, experiment: str | None = None, *, making: Making | None = None
) -> TrackingState:
    """Write to MLflow what it lacks of a run. Repeating this changes nothing.

    What the store refuses blocks nothing else; the state that is returned, and saved beside the ledger, lists it.

    Args:
        run: The folder of the run.
        tracking_uri: The address of the MLflow store; None for the store of the run.
        experiment: The name of the experiment, which is created if it does not exist; None for the one of the run.
        making: Makes descriptions and models; without it there are none.

    Raises:
        MlflowUnreachableError: MLflow does not answer.
        TrackingUriError: The address is not supported.
        LockedError: The run's own mirror or another sync is writing it.
        LedgerMissingError: The run has no ledger.
        HalfWrittenLedgerError: The last line of the ledger is incomplete.
        CorruptLedgerError: The ledger is damaged.
        EmptyLedgerError: The ledger contains no event.
    """
    events = read_ledger(run.ledger)
    if not events:
        raise EmptyLedgerError(str(run.ledger))
    destination = destination_of_run(run, recorded_place(events), tracking_uri, experiment)
    with mirror_lock(run):
        writer = open_writer(events, destination.uri, destination.experiment, making)
        writer.apply(events)
        writer.upload(run.path)
        state = TrackingState(
            in_sync=not writer.missing,
            synced_seq=writer.synced_seq,
            reason=describe_missing(writer.missing),
            tracking_uri=destination.shown_uri,
            experiment=destination.experiment,
            experiment_id=writer.experiment_id,
            run_id=writer.mlflow_run_id,
            missing=writer.missing,
        )
        state.save(run.path)
    return state


def recorded_place(events: Sequence[Event]) -> Mapping[str, Any]:
    """Return where the ledger says that its run, or study, is mirrored."""
    match events[0].payload:
        case RunStarted(config=config):
            return config
        case StudyStarted() as study:
            return study.model_dump(include={"mlflow", "tracking_uri", "experiment"})
        case _:
            return {}
