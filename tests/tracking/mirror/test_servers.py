"""The same round trip through MLflow's own server."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tracking.errors import MlflowUnreachableError
from tracking.mirror.mlflow_store import Store, connect
from tracking.mirror.mlflow_view import MlflowMirror
from tracking.mirror.query import read_runs
from tracking.mirror.sync import sync
from tracking.reader import read_ledger
from tracking.runs import RunDir
from tracking.uris import sqlite_path


class Server:
    """An MLflow server on loopback that can be started once: on a copy of a SQLite store, or on a database."""

    def __init__(self, folder: Path, store_uri: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        migrated = sqlite_path(store_uri)
        if migrated is not None:
            shutil.copy(migrated, folder / "server.db")
            store_uri = f"sqlite:///{folder}/server.db"
        self._store_uri = store_uri
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        stores = [f"--backend-store-uri={self._store_uri}"]
        artifacts = ["--artifacts-destination", str(self._folder / "artifacts")]
        with (self._folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *where, *stores, *artifacts],
                cwd=self._folder,
                # no test needs its jobs, and their processes would take longer to start than the server
                env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "server.log").read_text()

    def stop(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health") as answer:  # noqa: S310 - loopback
                return bool(answer.status == 200)
        except OSError:
            time.sleep(0.1)  # leaves the cores to the starting server; nothing depends on the duration
            return False


@pytest.fixture
def server(tmp_path: Path, store: Store) -> Iterator[Server]:
    server = Server(tmp_path, store.uri)
    yield server
    server.stop()


@pytest.mark.slow
def test_a_server_that_was_down_is_brought_up_to_date(
    server: Server, make_run: Callable[..., RunDir], experiment: str
) -> None:
    run = make_run()
    mirror = MlflowMirror(run, server.uri, experiment)
    for event in read_ledger(run.ledger):
        mirror.feed(event)
    assert not mirror.close().in_sync
    with pytest.raises(MlflowUnreachableError):
        read_runs(server.uri)
    server.start()
    round_trip(server.uri, run, experiment)
    assert list((server._folder / "artifacts").rglob("llm/call-0000.json"))
    client = connect(server.uri, create=False).client
    (trace,) = client.search_traces(locations=[client.get_experiment_by_name(experiment).experiment_id])
    assert [span.name for span in trace.data.spans] == ["call 0", "trip 1: overloaded", "trip 2: answered"]
    assert trace.info.token_usage["total_tokens"] == 120


def round_trip(uri: str, run: RunDir, experiment: str) -> None:
    first = sync(run, uri, experiment)
    assert (first.in_sync, sync(run, uri, experiment)) == (True, first)
    (record,) = read_runs(uri, experiments=[experiment])
    assert (record.accuracy, record.winner_macs, len(record.trials)) == (0.95, 998, 3)
