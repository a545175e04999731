"""What becomes of a database that MLflow cannot use as it is: told within seconds, and left as it was."""

import hashlib
import pickle
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cli.checks import State, check_mlflow
from cli.main import main
from tracking.errors import MlflowLockedError, MlflowSchemaError, MlflowUnreachableError
from tracking.mirror import databases
from tracking.mirror.databases import check_server
from tracking.mirror.mlflow_store import Store, connect
from tracking.mirror.mlflow_view import MlflowMirror
from tracking.mirror.query import read_runs
from tracking.mirror.sync import sync
from tracking.reader import read_ledger
from tracking.runs import RunDir, default_uri
from tracking.uris import sqlite_path, sqlite_uri

SECONDS = 15.0
"""Twice what a lock may take on a machine under load; MLflow itself takes minutes."""


@pytest.fixture
def database(tmp_path: Path, store: Store) -> Path:
    """Return a database of MLflow in a folder of its own."""
    folder = tmp_path / "db"
    folder.mkdir()
    source = sqlite_path(store.uri)
    assert source is not None
    return Path(shutil.copy(source, folder / "mlflow.db"))


def version(database: Path, number: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (number,))
        connection.execute("DROP TABLE logged_model_tags")  # MLflow migrates when it misses a table


def before_head() -> str:
    import mlflow
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(Path(mlflow.__file__).parent / "store" / "db_migrations"))
    below = scripts.get_revision(str(scripts.get_current_head())).down_revision
    assert isinstance(below, str)
    return below


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_an_older_schema_is_reported_and_never_migrated(
    database: Path, make_run: Callable[..., RunDir], capsys: pytest.CaptureFixture[str]
) -> None:
    version(database, before_head())
    uri, before, run = sqlite_uri(database), digest(database.parent), make_run()
    with pytest.raises(MlflowSchemaError, match=f"mlflow db upgrade {uri}") as caught:
        read_runs(uri)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own
    with pytest.raises(MlflowSchemaError):
        sync(run, uri, "e")
    check = check_mlflow(uri)
    assert (check.state, f"mlflow db upgrade {uri}" in check.found) == (State.FAILED, True)
    assert main(["compare", "--tracking-uri", uri]) == 2
    assert f"mlflow db upgrade {uri}" in capsys.readouterr().err
    with pytest.raises(MlflowSchemaError):
        check_server(uri, create=True)
    assert digest(database.parent) == before


def test_a_newer_schema_asks_for_a_newer_mlflow(database: Path) -> None:
    version(database, "0123456789ab")
    before = digest(database.parent)
    with pytest.raises(MlflowSchemaError, match="pip install --upgrade mlflow"):
        read_runs(sqlite_uri(database))
    assert digest(database.parent) == before


def test_a_database_of_something_else_gets_no_tables(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection, connection:
        connection.execute("CREATE TABLE birds (name)")
    before = digest(tmp_path)
    for create in (False, True):
        with pytest.raises(MlflowUnreachableError, match="a database of something else"):
            connect(sqlite_uri(tmp_path / "other.db"), create=create)
    assert digest(tmp_path) == before


def test_an_empty_file_is_filled_by_a_run_only_and_a_killed_creation_is_made_again(tmp_path: Path) -> None:
    file = tmp_path / "a?b %20c" / "mlflow.db"
    file.parent.mkdir()
    file.touch()
    with pytest.raises(MlflowUnreachableError, match="it is empty; the first run creates it"):
        connect(sqlite_uri(file), create=False)
    assert file.stat().st_size == 0
    draft = file.with_name(".mlflow.db.draft")
    draft.write_text("half of a schema")
    draft.with_name(draft.name + "-journal").write_text("and a journal")
    assert connect(sqlite_uri(file), create=True).client.search_experiments()
    assert {path.name for path in file.parent.iterdir()} == {"mlflow.db", "mlflow.db.lock"}
    assert [path.name for path in tmp_path.iterdir()] == ["a?b %20c"]


@pytest.mark.parametrize("name", ["a?b", "a%20b", "a%3Fb", "a#b", "a b", "ünï"])
def test_a_run_in_any_folder_is_mirrored_there(
    name: str, tmp_path: Path, database: Path, make_run: Callable[..., RunDir]
) -> None:
    home = tmp_path / "home" / name
    shutil.copytree(database.parent, home)
    uri = default_uri(home / "runs")
    state = sync(make_run(), uri, "mine")
    assert [record.mlflow_run_id for record in read_runs(uri, experiments=["mine"])] == [state.run_id]
    with closing(sqlite3.connect(home / "mlflow.db")) as connection:
        assert connection.execute("SELECT name FROM runs WHERE run_uuid = ?", (state.run_id,)).fetchone()
    assert list((home / "mlartifacts").rglob("call-0000.json"))
    assert [path.name for path in home.parent.iterdir()] == [name]
    assert {path.name for path in home.iterdir()} == {"mlflow.db", "mlartifacts"}


@pytest.fixture
def lock(database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], int]]:
    """Return a function by which another process locks the database; it returns the number of that process."""
    monkeypatch.setattr(databases, "LOCK_S", 0.5)
    begun: list[subprocess.Popen[str]] = []
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute(sys.argv[2]); "

    def hold(statement: str) -> int:
        process = subprocess.Popen(
            [sys.executable, "-c", code + "print(flush=True); sys.stdin.read()", str(database), statement],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process.pid

    yield hold
    for process in begun:
        process.communicate()


def test_a_lock_of_another_process_is_told_within_seconds(
    lock: Callable[[str], int], database: Path, make_run: Callable[..., RunDir]
) -> None:
    holder = lock("BEGIN EXCLUSIVE")
    uri, run = sqlite_uri(database), make_run()
    started = time.monotonic()
    with pytest.raises(MlflowLockedError, match=f"locked by (process {holder}|another process)"):
        read_runs(uri)
    assert time.monotonic() - started < SECONDS
    started = time.monotonic()
    mirror = MlflowMirror(run, uri, "e", retry_s=3600)
    mirror.feed(read_ledger(run.ledger)[0])
    assert time.monotonic() - started < 1
    assert "locked by" in (mirror.flush(60).reason or "")
    assert "locked by" in (mirror.close(60).reason or "")
    assert time.monotonic() - started < 2 * SECONDS


def test_a_lock_that_only_writers_meet_is_told_too(
    lock: Callable[[str], int], database: Path, make_run: Callable[..., RunDir]
) -> None:
    uri, run = sqlite_uri(database), make_run()
    sync(run, uri, "e")
    lock("BEGIN IMMEDIATE")
    assert len(read_runs(uri, experiments=["e"])) == 1
    started = time.monotonic()
    with pytest.raises(MlflowLockedError):
        sync(make_run(), uri, "e")
    with pytest.raises(MlflowLockedError):
        sync(make_run(), uri, "a new experiment")
    assert time.monotonic() - started < SECONDS


def test_a_folder_that_cannot_be_written_is_told_and_the_run_goes_on(make_run: Callable[..., RunDir]) -> None:
    run = make_run()
    mirror = MlflowMirror(run, "sqlite:////proc/mlflow.db", "e")
    mirror.feed(read_ledger(run.ledger)[0])
    assert "/proc/mlflow.db cannot be made" in (mirror.close(60).reason or "")
