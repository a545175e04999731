"""Which store and experiment a command uses, from whatever folder it is called."""

import json
from pathlib import Path

import pytest

from tracking.errors import TrackingUriError
from tracking.runs import RunDir
from tracking.stores import EXPERIMENT_VARIABLE, URI_VARIABLE, destination_of_new, destination_of_run
from tracking.tracker import STATE_FILE, read_state, recorded_uri

ENV = {URI_VARIABLE: "http://mlflow:5000", EXPERIMENT_VARIABLE: "team"}
SECRET = {URI_VARIABLE: "postgresql://me:hunter2@db/mlflow?sslpassword=hunter3&sslmode=require"}


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    run = RunDir(tmp_path / "began" / "runs" / "r1")
    run.path.mkdir(parents=True)
    return run


def test_an_option_wins_over_the_environment_and_that_over_the_default(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    default = destination_of_new(None, None, runs, {})
    assert (default.uri, default.experiment) == (f"sqlite:///{tmp_path}/mlflow.db", "espalier")
    assert (default.is_default, default.recorded_uri) == (True, None)
    exported = destination_of_new(None, None, runs, ENV)
    assert (exported.uri, exported.experiment, exported.is_default) == ("http://mlflow:5000", "team", False)
    given = destination_of_new("http://other:1", "mine", runs, ENV)
    assert (given.uri, given.experiment, given.is_default) == ("http://other:1", "mine", False)
    assert destination_of_new(None, None, runs, {URI_VARIABLE: " "}) == default


def test_an_address_in_the_environment_that_cannot_be_used_is_told_by_its_variable(tmp_path: Path) -> None:
    for bad in ("databricks", "file:///tmp/mlruns", "./mlruns"):
        with pytest.raises(TrackingUriError, match="from MLFLOW_TRACKING_URI in the environment; --tracking-uri"):
            destination_of_new(None, None, tmp_path, {URI_VARIABLE: bad})
    assert destination_of_new("http://h:1", None, tmp_path, {URI_VARIABLE: "databricks"}).uri == "http://h:1"


def test_a_password_in_the_environment_is_used_and_never_recorded(run: RunDir) -> None:
    new = destination_of_new(None, None, run.path.parent, SECRET)
    assert new.uri == SECRET[URI_VARIABLE]
    assert new.recorded_uri == "postgresql://me@db/mlflow?sslmode=require"
    assert "hunter" not in f"{new.recorded_uri}{new.shown_uri}"
    config = {"tracking_uri": new.recorded_uri, "experiment": "e"}
    assert destination_of_run(run, config, environment=SECRET).uri == new.uri
    assert destination_of_run(run, config, environment=ENV).uri == new.recorded_uri
    assert destination_of_new("http://x@h/", None, run.path, {}).recorded_uri == "http://h/"


def test_a_run_keeps_its_own_place(run: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    beside = f"sqlite:///{tmp_path}/began/mlflow.db"
    own = {"tracking_uri": "http://own:1", "experiment": "own"}
    kept = destination_of_run(run, own, environment=ENV)
    assert (kept.uri, kept.experiment) == ("http://own:1", "own")
    assert destination_of_run(run, {"tracking_uri": None}, environment=ENV).uri == beside
    other = destination_of_run(run, own, "http://other:2", "other", ENV)
    assert (other.uri, other.experiment) == ("http://other:2", "other")
    assert destination_of_run(run, {"mlflow": False, "tracking_uri": None}, environment=ENV).uri == "http://mlflow:5000"
    assert destination_of_run(run, {"mlflow": False, "tracking_uri": None}, environment={}).uri == beside


@pytest.mark.parametrize(
    "damaged", ["", "[]", "{", '{"tracking_uri": 3}', '{"tracking_uri": "postgresql://u:***@h/d"}']
)
def test_the_recorded_state_is_only_a_hint(damaged: str, run: RunDir, tmp_path: Path) -> None:
    (run.path / "mlflow.json").write_text(damaged)
    assert destination_of_run(run, {}, environment={}).uri == f"sqlite:///{tmp_path}/began/mlflow.db"


def test_a_relative_address_of_an_earlier_version_is_found_again(
    run: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = {"tracking_uri": "sqlite:///mine.db?timeout=5"}
    assert destination_of_run(run, config, environment={}).uri == f"sqlite:///{tmp_path}/began/mine.db?timeout=5"
    (run.path / "mlflow.json").write_text(json.dumps({"tracking_uri": "sqlite:////data/mine.db?timeout=5"}))
    assert destination_of_run(run, config, environment={}).uri == "sqlite:////data/mine.db?timeout=5"


def test_a_database_that_is_not_beside_its_runs_is_found_by_the_recorded_state(run: RunDir, tmp_path: Path) -> None:
    """The folder of runs was a link when the run began."""
    (run.path / "mlflow.json").write_text(json.dumps({"tracking_uri": f"sqlite:///{tmp_path}/link/mlflow.db"}))
    assert destination_of_run(run, {}, environment={}).uri == f"sqlite:///{tmp_path}/began/mlflow.db"
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "mlflow.db").touch()
    assert destination_of_run(run, {}, environment={}).uri == f"sqlite:///{tmp_path}/link/mlflow.db"


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, '{"tracking_uri": 5}', "\udc80"])
def test_a_state_that_cannot_be_read_says_so_and_names_no_store(tmp_path: Path, text: str) -> None:
    (tmp_path / STATE_FILE).write_bytes(text.encode("utf-8", "surrogatepass"))
    assert recorded_uri(tmp_path) is None
    state = read_state(tmp_path)
    assert not state.in_sync
    assert f"{STATE_FILE} cannot be read" in str(state.reason)
