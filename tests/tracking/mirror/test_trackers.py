"""Every tracker fulfils the contract; and what only the mirror promises."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.tracking.samples import numbered, run_started, whole_run
from tests.tracking.tracker_contract import EVENTS, TrackerContract
from tracking.errors import MlflowUnreachableError, TrackingUriError
from tracking.mirror import mlflow_view
from tracking.mirror.mlflow_store import Store
from tracking.mirror.mlflow_view import MlflowMirror
from tracking.runs import RunDir
from tracking.tracker import NullTracker, Tracker

PATIENT_S = 3600.0
"""The timeout of a wait that ends with an event; even a busy machine does not reach it."""


@pytest.fixture
def folder(tmp_path: Path) -> RunDir:
    run = RunDir(tmp_path / "r1")
    run.path.mkdir()
    return run


class TestNullTracker(TrackerContract):
    @pytest.fixture
    def tracker(self) -> Tracker:
        return NullTracker()


class TestMirror(TrackerContract):
    @pytest.fixture
    def tracker(self, folder: RunDir, mlflow_uri: str, experiment: str) -> Iterator[Tracker]:
        mirror = MlflowMirror(folder, mlflow_uri, experiment)
        yield mirror
        mirror.close()


@pytest.mark.usefixtures("impatient")
class TestMirrorOfADeadServer(TrackerContract):
    reaches: ClassVar[bool] = False

    @pytest.fixture
    def tracker(self, folder: RunDir) -> Iterator[Tracker]:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        mirror = MlflowMirror(folder, f"http://127.0.0.1:{port}", "e")
        yield mirror
        mirror.close()

    def test_nothing_fed_is_nothing_lost(self, tracker: Tracker) -> None:
        assert tracker.flush(1).in_sync


@pytest.mark.usefixtures("impatient")
def test_a_server_that_never_answers_blocks_nothing(folder: RunDir) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mirror = MlflowMirror(folder, f"http://127.0.0.1:{silent.getsockname()[1]}", "e")
        for event in EVENTS:
            mirror.feed(event)
        state = mirror.flush(PATIENT_S)
        assert not state.in_sync
        assert "timed out" in (state.reason or "").lower()
        mirror.close(PATIENT_S)


def test_a_close_waits_no_longer_than_its_timeout(folder: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(mlflow_view, "open_writer", lambda *_: released.wait())
    mirror = MlflowMirror(folder, "http://127.0.0.1:9", "e")
    mirror.feed(EVENTS[0])
    state = mirror.close(0.05)
    assert not state.in_sync
    assert "0.05 s after the run's end" in (state.reason or "")
    assert json.loads((folder.path / "mlflow.json").read_text())["in_sync"] is False
    released.set()


class Flaky:
    """A writer that fails on request, and remembers which events it wrote."""

    experiment_id, mlflow_run_id = "1", "m"

    def __init__(self) -> None:
        self.failing = False
        self.missing: dict[str, str] = {}
        self.opened = 0
        self.seen: list[int] = []

    def open(self, *_: Any) -> "Flaky":
        self.opened += 1
        return self

    def apply(self, events: Any) -> None:
        if self.failing:
            raise MlflowUnreachableError("here", "it is overloaded")
        self.seen = [event.seq for event in events]

    def upload(self, folder: Path) -> None: ...


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch) -> Flaky:
    flaky = Flaky()
    monkeypatch.setattr(mlflow_view, "open_writer", flaky.open)
    return flaky


def test_a_server_that_comes_back_receives_everything(folder: RunDir, flaky: Flaky) -> None:
    mirror = MlflowMirror(folder, "http://127.0.0.1:9", "e", retry_s=3600)
    mirror.feed(EVENTS[0])
    assert mirror.flush().in_sync
    flaky.failing = True
    mirror.feed(EVENTS[1])
    state = mirror.flush()
    assert (state.in_sync, state.synced_seq) == (False, 1)
    assert "it is overloaded" in (state.reason or "")
    assert json.loads((folder.path / "mlflow.json").read_text())["in_sync"] is False
    flaky.failing = False
    mirror.feed(EVENTS[2])
    state = mirror.close()
    assert (state.in_sync, state.synced_seq, flaky.seen) == (True, 3, [1, 2, 3])
    assert flaky.opened == 2  # after a failure a new writer looks up what the failed one may have created
    assert json.loads((folder.path / "mlflow.json").read_text())["in_sync"] is True


def test_it_tries_again_by_itself(folder: RunDir, flaky: Flaky) -> None:
    flaky.failing = True
    mirror = MlflowMirror(folder, "http://127.0.0.1:9", "e", retry_s=0.01)
    mirror.feed(EVENTS[0])
    mirror.flush()
    flaky.failing = False
    with mirror._wake:
        mirror._wake.wait_for(lambda: mirror._written == 1)
    mirror.close()


def test_what_is_refused_is_told_and_tried_again_at_the_close(folder: RunDir, flaky: Flaky) -> None:
    flaky.missing = {"artifacts": "config.json: PermissionError"}
    mirror = MlflowMirror(folder, "http://127.0.0.1:9", "e")
    mirror.feed(EVENTS[0])
    state = mirror.flush()
    assert (state.in_sync, state.synced_seq, state.missing) == (False, 1, flaky.missing)
    assert state.reason == "it refused artifacts (config.json: PermissionError)"
    assert flaky.opened == 1
    flaky.missing = {}
    state = mirror.close()
    assert (state.in_sync, state.missing, flaky.opened) == (True, {}, 2)


def test_an_error_of_our_own_is_recorded_too(folder: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_view, "open_writer", lambda *_: 1 / 0)
    mirror = MlflowMirror(folder, "http://127.0.0.1:9", "e")
    mirror.feed(EVENTS[0])
    assert "ZeroDivisionError" in (mirror.close().reason or "")


def test_a_run_folder_that_is_gone_does_not_matter(folder: RunDir, flaky: Flaky) -> None:
    folder.path.rmdir()
    mirror = MlflowMirror(folder, "http://127.0.0.1:9", "e")
    mirror.feed(EVENTS[0])
    assert not mirror.close().in_sync


def test_two_mirrors_of_one_run_do_not_both_write(folder: RunDir, flaky: Flaky) -> None:
    first = MlflowMirror(folder, "http://127.0.0.1:9", "e")
    first.feed(EVENTS[0])
    assert first.flush().in_sync
    second = MlflowMirror(folder, "http://127.0.0.1:9", "e")
    second.feed(EVENTS[0])
    assert "is being written by process" in (second.flush().reason or "")
    first.close()
    assert second.close().in_sync


def test_a_bad_address_is_refused_at_once(folder: RunDir) -> None:
    with pytest.raises(TrackingUriError, match="What works"):
        MlflowMirror(folder, "mlruns", "e")


def test_the_ids_are_those_of_the_parent(folder: RunDir, store: Store, experiment: str) -> None:
    mirror = MlflowMirror(folder, store.uri, experiment)
    for event in numbered(whole_run("ids")):
        mirror.feed(event)
    state = mirror.flush(60)
    mirror.close()
    parent = store.client.get_run(state.run_id)
    assert parent.data.tags["espalier.run_id"] == "ids"
    assert parent.info.experiment_id == state.experiment_id
    assert store.client.get_experiment(state.experiment_id).name == experiment == state.experiment


def test_a_mirror_shows_a_run_while_it_goes_on(
    folder: RunDir, store: Store, experiment: str, make_run: Callable[..., RunDir]
) -> None:
    mirror = MlflowMirror(folder, store.uri, experiment)
    mirror.feed(numbered([run_started("live")])[0])
    state = mirror.flush(60)
    assert store.client.get_run(state.run_id).info.status == "RUNNING"
    mirror.close()
