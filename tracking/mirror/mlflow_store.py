"""The door to MLflow: quiet, with short time limits, and safe for several processes at a fresh store."""

import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tracking.errors import MlflowUnreachableError, TrackingError
from tracking.locks import ExclusiveLock
from tracking.uris import absolute_uri, artifact_location, database_host, sqlite_path, without_password

# MLflow's own limits keep a call to a dead server waiting for about four minutes. Whoever sets these keeps theirs.
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
    """An open MLflow.

    Attributes:
        client: an ``mlflow.MlflowClient``.
        uri: its absolute address; it may hold a password: show ``shown_uri``.
    """

    client: Any
    uri: str

    @property
    def shown_uri(self) -> str:
        return without_password(self.uri)


def connect(uri: str, *, create: bool) -> Store:
    """Open the store at ``uri``; with ``create``, a SQLite file that is not there yet is made and initialised.

    Takes seconds the first time: it imports MLflow, and a fresh database runs every migration.

    Raises:
        TrackingUriError: not an address that can be used.
        MlflowUnreachableError: nothing there, or it does not answer.
    """
    absolute = absolute_uri(uri)
    file = sqlite_path(absolute)
    if file is not None and not create and not file.is_file():
        raise MlflowUnreachableError(absolute, "there is no such file yet; a run makes it")
    _knock(absolute)
    with unreachable(absolute), contextlib.ExitStack() as stack:
        if file is not None:
            # Of twelve processes that opened a fresh SQLite store at once, eleven failed in its migrations.
            stack.enter_context(ExclusiveLock(file.with_name(file.name + ".lock"), wait=True))
        return Store(_client(absolute), absolute)


def open_experiment(store: Store, name: str) -> str:
    """The id of the experiment ``name``, made when there is none.

    Raises:
        MlflowUnreachableError: no answer, or the experiment was deleted.
    """
    with unreachable(store.uri):
        found = store.client.get_experiment_by_name(name)
        if found is None:
            found = _create(store, name)
    if found.lifecycle_stage != "active":
        raise MlflowUnreachableError(
            store.shown_uri, f"its experiment {name!r} was deleted; restore it or name another"
        )
    return str(found.experiment_id)


@contextlib.contextmanager
def unreachable(uri: str) -> Iterator[None]:
    """Whatever MLflow, its HTTP client or its database driver raises, as our one error."""
    try:
        yield
    except TrackingError:
        raise
    except Exception as error:  # the border to a service: dozens of classes from four libraries
        raise MlflowUnreachableError(without_password(uri), _in_short(error)) from error


def _create(store: Store, name: str) -> Any:
    import mlflow

    try:
        store.client.create_experiment(name, artifact_location=artifact_location(store.uri, name))
    except mlflow.exceptions.MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    return store.client.get_experiment_by_name(name)


def _knock(uri: str) -> None:
    """MLflow retries a database that does not answer for most of an hour: find out first whether it listens."""
    address = database_host(uri)
    if address is None:
        return
    try:
        socket.create_connection(address, timeout=_CONNECT_S).close()
    except OSError as error:
        raise MlflowUnreachableError(
            without_password(uri), f"{address[0]}:{address[1]} does not answer ({error})"
        ) from error


def _client(uri: str) -> Any:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow

    for name in ("mlflow", "alembic", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow.MlflowClient(tracking_uri=uri)


def _in_short(error: Exception) -> str:
    """What the network said, when it was the network, and otherwise the first line of the error itself."""
    for cause in _causes(error):
        if isinstance(cause, ConnectionError | TimeoutError | socket.gaierror):
            return cause.strerror or str(cause) or type(cause).__name__
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."


def _causes(error: BaseException) -> Iterator[BaseException]:
    at: BaseException | None = error
    while at is not None:
        yield at
        at = at.__cause__ or at.__context__
