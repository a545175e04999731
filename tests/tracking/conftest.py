"""One MLflow store for all tests of a session, because the migrations of a new one take seconds."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tracking.samples import written_run
from tracking.mirror.mlflow_store import Store, connect
from tracking.runs import RunDir

_names = itertools.count()


@pytest.fixture(scope="session")
def mlflow_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


@pytest.fixture(scope="session")
def store(mlflow_uri: str) -> Store:
    return connect(mlflow_uri, create=True)


@pytest.fixture
def experiment(store: Store) -> str:
    """Return a name that no other test uses."""
    return f"experiment-{next(_names)}"


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., RunDir]:
    """Return a function that creates the folder of a finished run, with an id that is unique across tests."""

    def make(**start: object) -> RunDir:
        return written_run(tmp_path / "runs", run_id=f"run-{next(_names)}", **start)

    return make


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a server of these tests more than the five seconds of a user's: on a busy machine it can need them."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let MLflow's HTTP client give up at once, so that a test of an unreachable server is short."""
    before = dict(os.environ)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    yield
    assert {name for name in before if name.startswith("MLFLOW")} <= set(os.environ)
