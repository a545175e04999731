"""`ui` and `mlflow` start MLflow's server on loopback, say where, and leave nothing of it when they end."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from cli.main import main
from cli.served import Service
from tests.cli.launched import ROOT
from tracking.mirror.mlflow_store import connect


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that is there already: MLflow's migrations take longer than its start."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    connect(f"sqlite:///{path}", create=True)
    return path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def launched(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "launch.py"), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_server_answers_says_where_and_leaves_no_process(database: Path, tmp_path: Path) -> None:
    shutil.copy(database, tmp_path / "own.db")
    port = free_port()
    line = ("mlflow", "--port", str(port), "--backend", "sqlite:///own.db", "--artifacts", "files")
    with launched(tmp_path, *line) as process:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        assert f"http://127.0.0.1:{port}" in first
        assert f"search --tracking-uri http://127.0.0.1:{port}" in second
        store = connect(f"http://127.0.0.1:{port}", create=False)
        made = store.client.create_experiment("there")
        assert store.client.get_experiment(made).artifact_location.startswith("mlflow-artifacts:")
        strange = urllib.request.Request(f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/search?max_results=1")
        strange.add_header("Host", "evil.example")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(strange)  # noqa: S310 - loopback
        workers = psutil.Process(process.pid).children(recursive=True)
        assert workers
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    assert not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers)
    assert (tmp_path / "files").is_dir()
    assert not (tmp_path / "mlruns").exists()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (("ui", "--tracking-uri", "sqlite:///{folder}/none.db"), "no such file yet"),
        (("mlflow", "--host", "192.0.2.1"), "lets other machines reach a server"),
        (("mlflow", "--backend", "http://there"), "is a server already"),
        (("mlflow", "--port", "{taken}"), "cannot be used: Address already in use. Name another one"),
    ],
)
def test_what_cannot_be_served_is_refused_in_words(
    line: tuple[str, ...], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = [part.format(folder=tmp_path, taken=taken.getsockname()[1]) for part in line]
        assert main(given) == 2
    assert why in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


def test_a_store_behind_a_server_is_its_own_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ui", "--tracking-uri", "http://127.0.0.1:9"]) == 0
    assert "http://127.0.0.1:9" in capsys.readouterr().out


def test_a_password_is_in_no_command_line() -> None:
    service = Service("postgresql://me:secret@db/mlflow", 5000, hosts=("head:5000",), artifacts="s3://bucket")
    line = " ".join(service.command())
    assert "secret" not in line
    assert "--allowed-hosts head:5000" in line
    assert "--artifacts-destination s3://bucket" in line
