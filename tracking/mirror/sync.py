"""Brings MLflow up to a ledger, after the fact: for a run whose mirror was off, or met a dead server."""

from tracking.errors import EmptyLedgerError
from tracking.mirror.mlflow_writer import mirror_lock, open_writer
from tracking.reader import read_ledger
from tracking.runs import RunDir
from tracking.tracker import TrackingState
from tracking.uris import absolute_uri, without_password


def sync(run: RunDir, tracking_uri: str, experiment: str) -> TrackingState:
    """Write into MLflow what it lacks of this run. Doing it again changes nothing.

    Raises:
        MlflowUnreachableError, TrackingUriError: MLflow cannot be used.
        LockedError: the run's own mirror, or another sync, is at it.
        LedgerMissingError, HalfWrittenLedgerError, CorruptLedgerError: the ledger cannot be read.
        EmptyLedgerError: nothing has happened in this run.
    """
    events = read_ledger(run.ledger)
    if not events:
        raise EmptyLedgerError(str(run.ledger))
    uri = absolute_uri(tracking_uri)
    with mirror_lock(run):
        writer = open_writer(events, uri, experiment)
        writer.apply(events)
        writer.upload(run.path)
        state = TrackingState(
            in_sync=True,
            synced_seq=writer.synced_seq,
            tracking_uri=without_password(uri),
            experiment=experiment,
            experiment_id=writer.experiment_id,
            run_id=writer.mlflow_run_id,
        )
        state.save(run.path)
    return state
