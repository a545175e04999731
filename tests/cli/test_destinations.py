"""Verbs that use MLflow find its store from any folder, and what they print can be pasted there."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.checks import check_mlflow
from cli.main import main
from cli.pasted import resume_line, sync_line, ui_line
from search.launching import begin, reopen, tracker_of
from search.setup.config import make_config
from tests.tracking.conftest import make_run, mlflow_uri, store  # noqa: F401 - fixtures
from tests.tracking.samples import written_run
from tracking.ledger import Ledger
from tracking.mirror.mlflow_store import Store
from tracking.mirror.query import read_runs
from tracking.payloads import RunStarted
from tracking.runs import RunDir
from tracking.stores import EXPERIMENT_VARIABLE, URI_VARIABLE
from tracking.uris import sqlite_path, sqlite_uri

NAMES = ["plain", "a b", "what's $HOME?", "a%20b", "-r"]


@pytest.fixture
def at_home(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:  # noqa: F811
    """Return a function that makes a folder with a database of MLflow, and goes there."""

    def go(name: str) -> Path:
        home = tmp_path / name
        home.mkdir()
        source = sqlite_path(store.uri)
        assert source is not None
        shutil.copy(source, home / "mlflow.db")
        monkeypatch.chdir(home)
        return home

    return go


def paste(line: str) -> int:
    """Run a printed command of this program as a shell in this folder would."""
    words = subprocess.run(
        ["sh", "-c", f"""python() {{ for word; do printf '%s\\0' "$word"; done; }}; {line}"""],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")[:-1]
    assert words[0] == "launch.py"
    return main(words[1:])


@pytest.mark.parametrize("name", NAMES)
def test_a_printed_sync_works_in_the_folder_where_it_is_printed(
    name: str, at_home: Callable[[str], Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = at_home(name)
    run = written_run(home / "my runs", run_id=f"pasted-{NAMES.index(name)}")
    monkeypatch.setenv(URI_VARIABLE, "http://127.0.0.1:9")  # of another project: a run keeps its own store
    for where in (home, home.parent, home / "my runs", Path("/")):
        monkeypatch.chdir(where)
        assert paste(sync_line(run)) == 0, capsys.readouterr()
        assert f"MLflow at {sqlite_uri(home / 'mlflow.db')} holds {run.run_id}" in capsys.readouterr().out
    assert len(read_runs(sqlite_uri(home / "mlflow.db"))) == 1
    assert not list(Path(home.parent).glob("**/mlruns"))
    monkeypatch.chdir("/usr")
    assert shlex.split(resume_line(run))[2:] == ["resume", run.run_id, "--runs", str(home / "my runs")]
    assert shlex.split(ui_line(sqlite_uri(home / "mlflow.db")))[-1] == sqlite_uri(home / "mlflow.db")


def test_the_default_folder_and_the_program_are_named_as_they_were_called(
    at_home: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDir(at_home("x") / "runs" / "r1")
    assert sync_line(run) == "python launch.py sync r1"
    monkeypatch.setattr(sys, "argv", ["../my tools/launch.py"])
    assert resume_line(run) == "python '../my tools/launch.py' resume r1"
    monkeypatch.setenv(URI_VARIABLE, "postgresql://me:hunter2@db/mlflow")
    assert ui_line("postgresql://me:***@db/mlflow").endswith(' ui --tracking-uri "$MLFLOW_TRACKING_URI"')
    assert ui_line("http://h:5000") == "http://h:5000"


def test_every_verb_reads_the_environment_where_no_option_is_given(
    at_home: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = at_home("server")
    uri = sqlite_uri(home / "mlflow.db")
    assert main(["sync", str(written_run(tmp_path / "a", run_id="one").path), "--tracking-uri", uri]) == 0
    assert main(["sync", "latest", "--runs", str(tmp_path / "a"), "--tracking-uri", uri, "--experiment", "e2"]) == 0
    monkeypatch.chdir(tmp_path)
    assert main(["compare"]) == 2  # there is nothing beside this folder
    monkeypatch.setenv(URI_VARIABLE, uri)
    capsys.readouterr()
    assert main(["compare", "--json"]) == 0
    assert "one" in capsys.readouterr().out
    assert uri in check_mlflow(None).found
    monkeypatch.setenv(EXPERIMENT_VARIABLE, "nowhere")
    assert main(["compare"]) == 2
    assert "has no experiment 'nowhere'" in " ".join(capsys.readouterr().err.split())
    monkeypatch.setenv(URI_VARIABLE, "databricks")
    assert main(["compare"]) == 2
    assert "MLFLOW_TRACKING_URI in the environment" in " ".join(capsys.readouterr().err.split())
    assert "MLFLOW_TRACKING_URI in the environment" in check_mlflow(None).found
    assert main(["search", "--trials", "1"]) == 2
    assert not (tmp_path / "runs").exists()


def test_a_run_records_where_it_is_mirrored_and_goes_on_there(
    at_home: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = at_home("began")
    monkeypatch.setenv(EXPERIMENT_VARIABLE, "team")
    launch = begin(make_config({"tracking_uri": "sqlite:///own.db", "executor": "local"}))
    launch.close()
    recorded = launch.config.model_dump(mode="json")
    assert recorded["tracking_uri"] == f"sqlite:///{home}/own.db"
    assert recorded["experiment"] == "team"
    with Ledger.open(launch.folder.ledger) as ledger:
        ledger.record(
            RunStarted(
                run_id=launch.folder.run_id,
                model=launch.config.model,
                dataset=launch.config.dataset,
                proposer="rules",
                llm=None,
                seed=0,
                started_at="2026-01-01T00:00:00Z",  # type: ignore[arg-type]
                config=recorded,
            )
        )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv(URI_VARIABLE, "http://127.0.0.1:9")
    monkeypatch.setenv(EXPERIMENT_VARIABLE, "other")
    again = reopen(launch.folder)
    again.close()
    assert again.config.runs == home / "runs"
    tracker = tracker_of(again.config, again.folder)
    state = tracker.flush()
    tracker.close()
    assert (state.tracking_uri, state.experiment) == (f"sqlite:///{home}/own.db", "team")
    assert list(elsewhere.iterdir()) == []


def test_a_password_in_the_environment_reaches_no_record(
    at_home: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_home("secret")
    monkeypatch.setenv(URI_VARIABLE, "http://me:hunter2@127.0.0.1:9?token=hunter3")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    launch = begin(make_config({"executor": "local"}))
    launch.close()
    tracker = tracker_of(launch.config, launch.folder)
    tracker.close()
    assert launch.config.tracking_uri == "http://127.0.0.1:9"
    assert "hunter" not in str(launch.config.model_dump())
    assert "hunter" not in (launch.folder.path / "mlflow.json").read_text()
