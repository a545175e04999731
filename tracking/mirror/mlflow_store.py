"""Opens an MLflow store: quietly, with short timeouts, and safely if several processes create it at once."""

import contextlib
import logging
import os
import socket
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tracking.errors import MlflowLockedError, MlflowUnreachableError, TrackingError
from tracking.mirror.databases import check_free, check_server, is_locked, no_stray_folders, open_file
from tracking.mirror.gaps import causes
from tracking.mirror.saved_view import VIEW_TAG, view_tag
from tracking.uris import absolute_uri, artifact_location, database_host, sqlite_path, without_password

_log = logging.getLogger(__name__)

# With MLflow's own limits, a call to a dead server waits for about four minutes. Variables that the user has set are
# kept.
_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
_CONNECT_S = 3.0


@dataclass(frozen=True, slots=True)
class Store:
    """An open MLflow store.

    Attributes:
        client: An `mlflow.MlflowClient`.
        uri: Its absolute address, which may contain a password; show `shown_uri` instead.
    """

    client: Any
    uri: str

    @property
    def shown_uri(self) -> str:
        """The address without its password."""
        return without_password(self.uri)

    def check_free(self) -> None:
        """Check that no other process locks the database, which MLflow would wait for, twenty seconds per write.

        Raises:
            MlflowLockedError: Another process does.
            MlflowUnreachableError: The file cannot be written.
        """
        file = sqlite_path(self.uri)
        if file is not None:
            check_free(self.uri, file)


def connect(uri: str, *, create: bool) -> Store:
    """Open the store at `uri`.

    Takes seconds the first time: it imports MLflow, and a new database runs every migration.

    Args:
        uri: The address of the store.
        create: Whether a database that does not exist yet is created. An existing schema is never migrated.

    Raises:
        TrackingUriError: The address is not supported.
        MlflowUnreachableError: There is no store, or it does not answer.
        MlflowLockedError: Another process holds a lock on the SQLite file.
        MlflowSchemaError: Another version of MLflow made the database, which is left as it is.
    """
    absolute = absolute_uri(uri)
    file = sqlite_path(absolute)
    _check_listening(absolute)
    with unreachable(absolute):
        _prepare()
        if file is not None:
            open_file(absolute, file, create=create)
        elif database_host(absolute) is not None:
            check_server(absolute, create=create)
        with no_stray_folders(absolute):
            return Store(_client(absolute), absolute)


_KIND_TAG, _KIND = "mlflow.experimentKind", "custom_model_development"
"""The tag by which MLflow's page opens an experiment on its runs, and not on an overview of traces."""


def open_experiment(store: Store, name: str) -> str:
    """Return the id of the experiment `name`, which is created if it does not exist.

    MLflow's page opens it on its runs, unless the user has chosen otherwise, and has a view of their figures.

    Raises:
        MlflowUnreachableError: The store does not answer, or the experiment was deleted.
    """
    with unreachable(store.uri):
        found = store.client.get_experiment_by_name(name)
        if found is None:
            found = _create(store, name)
    if found.lifecycle_stage != "active":
        raise MlflowUnreachableError(
            store.shown_uri, f"its experiment {name!r} was deleted; restore it or choose another"
        )
    _show_runs(store, found)
    return str(found.experiment_id)


def has_view(store: Store, experiment_id: str) -> bool:
    """Say whether an experiment has our view of its runs: runs of former versions are in one without.

    Raises:
        MlflowUnreachableError: The store does not answer, or there is no such experiment.
    """
    with unreachable(store.uri):
        return VIEW_TAG in store.client.get_experiment(experiment_id).tags


@contextlib.contextmanager
def unreachable(uri: str) -> Iterator[None]:
    """Convert any error of MLflow, its HTTP client or its database driver in the `with` block to a single class.

    Raises:
        MlflowLockedError: Another process holds a lock on the SQLite file.
        MlflowUnreachableError: Anything else but a `TrackingError` was raised.
    """
    try:
        yield
    except TrackingError:
        raise
    except Exception as error:  # the boundary to a service: dozens of classes from four libraries
        if any(is_locked(cause) for cause in causes(error)):
            raise MlflowLockedError(without_password(uri), "another process") from error
        shown = without_password(uri)
        raise MlflowUnreachableError(shown, summarise(error).replace(uri, shown)) from error


def _create(store: Store, name: str) -> Any:
    import mlflow

    store.check_free()
    try:
        store.client.create_experiment(name, artifact_location=artifact_location(store.uri, name))
    except mlflow.exceptions.MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    return store.client.get_experiment_by_name(name)


def _show_runs(store: Store, experiment: Any) -> None:
    """Choose the view of an experiment; a store that refuses these tags shows the rest all the same."""
    tags = {_KIND_TAG: _KIND, VIEW_TAG: view_tag(experiment.creation_time or 0)}
    try:
        for name in tags.keys() - experiment.tags.keys():
            store.client.set_experiment_tag(experiment.experiment_id, name, tags[name])
    except Exception:  # noqa: BLE001 - the boundary to a service: it is a matter of looks
        _log.debug("the view of the experiment could not be chosen", exc_info=True)


def _check_listening(uri: str) -> None:
    """Check that a database server listens: MLflow would retry for most of an hour to reach one that does not."""
    address = database_host(uri)
    if address is None:
        return
    try:
        socket.create_connection(address, timeout=_CONNECT_S).close()
    except OSError as error:
        raise MlflowUnreachableError(
            without_password(uri), f"{address[0]}:{address[1]} does not answer ({error})"
        ) from error


def _prepare() -> None:
    """Import MLflow with our settings."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow  # noqa: F401

    for name in ("mlflow", "alembic", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # It shows the traceback of every error of the database, which we report in a sentence.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def _client(uri: str) -> Any:
    import mlflow

    return mlflow.MlflowClient(tracking_uri=uri)


def summarise(error: BaseException) -> str:
    """Return the error of the network or of SQLite among the causes, otherwise the first line of the error itself."""
    for cause in causes(error):
        if isinstance(cause, ConnectionError | TimeoutError | socket.gaierror):
            return cause.strerror or str(cause) or type(cause).__name__
        if isinstance(cause, sqlite3.Error):
            return str(cause)
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."


def all_runs(store: Store, experiment_ids: Sequence[str], query: str) -> Iterator[Any]:
    """Yield every MLflow run that matches a query, oldest first.

    Args:
        store: The open store.
        experiment_ids: MLflow's ids of the experiments to search.
        query: A filter in the syntax of MLflow.
    """
    token: str | None = None
    while True:
        page = store.client.search_runs(
            list(experiment_ids), query, max_results=1000, order_by=["attributes.start_time ASC"], page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return
