"""Brings MLflow up to date with a ledger after the run, if its mirror was off or the server unreachable."""

from tracking.errors import EmptyLedgerError
from tracking.mirror.mlflow_writer import mirror_lock, open_writer
from tracking.reader import read_ledger
from tracking.runs import RunDir
from tracking.tracker import TrackingState, describe_missing
from tracking.uris import absolute_uri, without_password


def sync(run: RunDir, tracking_uri: str, experiment: str) -> TrackingState:
    """Write to MLflow what it lacks of a run. Repeating this changes nothing.

    What the store refuses blocks nothing else; the state that is returned, and saved beside the ledger, lists it.

    Args:
        run: The folder of the run.
        tracking_uri: The address of the MLflow store.
        experiment: The name of the experiment; it is created if it does not exist.

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
    uri = absolute_uri(tracking_uri)
    with mirror_lock(run):
        writer = open_writer(events, uri, experiment)
        writer.apply(events)
        writer.upload(run.path)
        state = TrackingState(
            in_sync=not writer.missing,
            synced_seq=writer.synced_seq,
            reason=describe_missing(writer.missing),
            tracking_uri=without_password(uri),
            experiment=experiment,
            experiment_id=writer.experiment_id,
            run_id=writer.mlflow_run_id,
            missing=writer.missing,
        )
        state.save(run.path)
    return state
