"""Each kind of write may be refused alone: everything else arrives, what is missing is told, and `sync` fills it in."""

import http.client
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.tracking.mirror.test_servers import Server
from tests.tracking.mirror.test_sync import everything
from tests.tracking.samples import written_run
from tracking.errors import MlflowUnreachableError
from tracking.mirror.attempts import Attempts
from tracking.mirror.gaps import Kind
from tracking.mirror.mlflow_store import Store
from tracking.mirror.mlflow_view import MlflowMirror
from tracking.mirror.mlflow_writer import MlflowWriter
from tracking.mirror.query import read_runs
from tracking.mirror.sync import sync
from tracking.reader import read_ledger
from tracking.runs import RunDir
from tracking.tracker import STATE_FILE

MakeRun = Callable[..., RunDir]
Refuse = Callable[[str, str, Mapping[str, Any]], bool]
MARK = "espalier.synced_seq"


def refuse_batches(name: str) -> Refuse:
    """Refuse whatever contains some of this kind. The writer's own marks are tags too, and pass."""
    return lambda _, path, body: (
        "log-batch" in path and any(item["key"] not in {MARK, "espalier.missing"} for item in body.get(name, ()))
    )


def refuse_long_tags(_: str, path: str, body: Mapping[str, Any]) -> bool:
    return any(len(tag["value"]) > 12 and tag["key"] == "espalier.error" for tag in body.get("tags", ()))


def refuse_a_trial(_: str, path: str, body: Mapping[str, Any]) -> bool:
    return "runs/create" in path and body.get("run_name") == "trial-001"


REFUSALS: Mapping[str, tuple[Refuse, set[str]]] = {
    "no metrics": (refuse_batches("metrics"), {"metrics"}),
    "no parameters": (refuse_batches("params"), {"params"}),
    "a tag over a limit": (refuse_long_tags, {"tags"}),
    "no uploads": (lambda method, path, _: method == "PUT" and "artifacts" in path, {"artifacts"}),
    "no traces": (lambda _, path, __: "traces" in path and "search" not in path, {"traces"}),
    "one trial": (refuse_a_trial, {"runs", "metrics", "params", "tags"}),
}


class Gate(ThreadingHTTPServer):
    """Passes requests on to a server, except for what it refuses."""

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), GateHandler)
        self.target = str(urlsplit(target).netloc)
        self.refuse: Refuse = lambda *_: False
        self.resets = False
        self.refused = 0
        self.uri = f"http://127.0.0.1:{self.server_address[1]}"


class GateHandler(BaseHTTPRequestHandler):
    server: Gate

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            fields = json.loads(body) if body[:1] == b"{" else {}
        except ValueError:
            fields = {}
        if self.server.refuse(self.command, self.path, fields):
            self.server.refused += 1
            if self.server.resets:
                self.close_connection = True
                return
            answer = json.dumps({"error_code": "INVALID_PARAMETER_VALUE", "message": "refused here"}).encode()
            self._answer(400, {"Content-Type": "application/json"}, answer)
            return
        connection = http.client.HTTPConnection(self.server.target)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        connection.request(self.command, self.path, body, headers)
        given = connection.getresponse()
        self._answer(given.status, {"Content-Type": given.getheader("Content-Type", "")}, given.read())
        connection.close()

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, store: Store) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"), store.uri)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def gate(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    gate = Gate(server.uri)
    thread = threading.Thread(target=gate.serve_forever)
    thread.start()
    yield gate
    gate.shutdown()
    thread.join()
    gate.server_close()


def shown(server: Server, experiment: str) -> dict[str, Any]:
    """Return all that a server contains of an experiment, without MLflow's own ids and the writer's marks."""
    figures = {
        "status": "SELECT status || ' ' || end_time FROM runs WHERE run_uuid = ?",
        "metrics": "SELECT key, value, step, timestamp, is_nan FROM metrics WHERE run_uuid = ?",
        "params": "SELECT key, value FROM params WHERE run_uuid = ?",
        "tags": "SELECT key, value FROM tags WHERE run_uuid = ? AND key != 'mlflow.parentRunId' AND key != ?",
    }
    with closing(sqlite3.connect(server._folder / "server.db")) as database:
        (own,) = database.execute("SELECT experiment_id FROM experiments WHERE name = ?", (experiment,)).fetchone()
        parts: dict[str, Any] = {
            name: {
                field: sorted(database.execute(query, (number, "espalier.missing")[: query.count("?")]))
                for field, query in figures.items()
            }
            | {"files": sorted(p.name for p in (server._folder / "artifacts").rglob(f"{number}/**/*") if p.is_file())}
            for name, number in database.execute("SELECT name, run_uuid FROM runs WHERE experiment_id = ?", (own,))
        }
        parts["traces"] = database.execute("SELECT count(*) FROM spans WHERE experiment_id = ?", (own,)).fetchone()
    return parts


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return written_run(tmp_path_factory.mktemp("refused") / "runs", run_id="refused")


@pytest.fixture(scope="module")
def expected(server: Server, run: RunDir) -> dict[str, Any]:
    """Return what the server contains of the run in an experiment where nothing was refused."""
    sync(run, server.uri, "whole")
    return shown(server, "whole")


@pytest.mark.slow
@pytest.mark.parametrize("case", REFUSALS)
def test_each_kind_is_refused_alone(
    case: str, gate: Gate, server: Server, run: RunDir, experiment: str, expected: dict[str, Any]
) -> None:
    refuse, kinds = REFUSALS[case]
    gate.refuse = refuse
    state = sync(run, gate.uri, experiment)
    assert (state.in_sync, set(state.missing), state.synced_seq) == (False, kinds, len(read_ledger(run.ledger)))
    assert 0 < gate.refused < 30  # it gives a kind up
    assert "refused here" in (state.reason or "")
    assert json.loads((run.path / STATE_FILE).read_text())["missing"] == state.missing
    partly = shown(server, experiment)
    assert partly != expected
    left = {"runs": "status", "metrics": "metrics", "params": "params", "tags": "tags", "artifacts": "files"}
    for name, part in expected.items():
        if case == "one trial" and name == "trial-001":
            assert name not in partly
        elif name == "traces":
            assert (partly[name] == part) is ("traces" not in kinds)
        else:
            for kind, field in left.items():
                if case == "one trial" or kind not in kinds:
                    assert partly[name][field] == part[field] or field == "tags", (name, field)
    assert len(read_runs(server.uri, experiments=[experiment])) == 1
    assert set(sync(run, gate.uri, experiment).missing) == kinds  # it still does not pass, and is still told
    gate.refuse = lambda *_: False
    assert sync(run, gate.uri, experiment).in_sync
    assert shown(server, experiment) == expected


@pytest.mark.slow
def test_a_connection_that_only_one_kind_breaks_blocks_no_other(
    gate: Gate, server: Server, make_run: MakeRun, experiment: str
) -> None:
    run = make_run()
    gate.refuse, gate.resets = refuse_batches("metrics"), True
    mirror = MlflowMirror(run, gate.uri, experiment)
    for event_ in read_ledger(run.ledger):
        mirror.feed(event_)
    state = mirror.close()
    assert set(state.missing) == {"metrics"}
    (record,) = read_runs(server.uri, experiments=[experiment])
    assert (record.config != {}, len(record.trials), record.wall_s) == (True, 3, None)
    gate.refuse = lambda *_: False
    assert sync(run, gate.uri, experiment).in_sync
    (record,) = read_runs(server.uri, experiments=[experiment])
    assert record.wall_s == 12.5


def test_artifacts_where_only_the_server_can_write(store: Store, make_run: MakeRun, experiment: str) -> None:
    root = store.client.create_experiment(experiment, artifact_location="/proc/mlflow/artifacts")
    run = make_run()
    mirror = MlflowMirror(run, store.uri, experiment)
    for event_ in read_ledger(run.ledger):
        mirror.feed(event_)
    state = mirror.close()
    assert set(state.missing) == {"artifacts"}
    assert "config.json" in state.missing["artifacts"]
    (record,) = read_runs(store.uri, experiments=[experiment])
    assert (record.accuracy, record.winner_macs, len(record.trials)) == (0.95, 998, 3)
    assert len(store.client.search_traces(locations=[root])) == 1


def test_a_run_whose_tags_are_refused_is_read_by_its_parameters(
    store: Store, make_run: MakeRun, experiment: str, caplog: pytest.LogCaptureFixture
) -> None:
    state = sync(make_run(), store.uri, experiment)
    known = ("dataset", "proposer")
    for name in known:
        store.client.delete_tag(state.run_id, f"espalier.{name}")
    assert read_runs(store.uri, experiments=[experiment]) == ()
    assert "lacks dataset and is left out" in caplog.text
    for name, value in zip(known, ("digits", "rules"), strict=True):
        store.client.log_param(state.run_id, name, value)
    (record,) = read_runs(store.uri, experiments=[experiment])
    assert (record.model, record.dataset, record.proposer) == ("tiny", "digits", "rules")


def test_a_gap_that_is_half_filled_stays_known(
    store: Store, make_run: MakeRun, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync that dies while it fills a gap has filled the gap only as far as it came."""
    monkeypatch.setattr("tracking.mirror.mlflow_writer._EVENTS_AT_ONCE", 5)
    run, whole, real = make_run(), f"{experiment}-whole", type(store.client).log_dict
    sync(run, store.uri, whole)

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(type(store.client), "log_dict", refuse)
        assert set(sync(run, store.uri, experiment).missing) == {"artifacts"}

    def die(client: Any, run_id: str, document: Any, path: str) -> None:
        if path == "winner.json":
            raise KeyboardInterrupt
        real(client, run_id, document, path)

    with monkeypatch.context() as patch:
        patch.setattr(type(store.client), "log_dict", die)
        with pytest.raises(KeyboardInterrupt):
            sync(run, store.uri, experiment)
    assert sync(run, store.uri, experiment).in_sync
    parts = everything(store, experiment)
    for part in parts.values():
        part["tags"].pop("espalier.missing", None)
    assert parts == everything(store, whole)


def test_a_full_disk_is_told_as_that_and_a_later_sync_completes(
    store: Store, make_run: MakeRun, experiment: str
) -> None:
    run = make_run()
    pages: list[int] = []

    def limit(connection: sqlite3.Connection, *_: object) -> None:
        """Let the file not grow any more, which SQLite reports as it reports a full disk."""
        (count,) = connection.execute("PRAGMA page_count").fetchone()
        pages.append(count)
        connection.execute(f"PRAGMA max_page_count = {count}")

    engine = store.client._tracking_client.store.engine
    sync(run, store.uri, experiment)  # the experiment is there
    run = make_run()
    event.listen(Engine, "checkout", limit)
    try:
        engine.dispose()
        for number in range(20):  # free pages are used up first
            try:
                sync(make_run(), store.uri, experiment)
            except MlflowUnreachableError as error:
                assert "disk is full" in str(error)  # noqa: PT017 - the loop ends with it
                break
            assert number < 19
        mirror = MlflowMirror(run, store.uri, experiment)
        for event_ in read_ledger(run.ledger):
            mirror.feed(event_)
        assert "full" in (mirror.close().reason or "")
    finally:
        event.remove(Engine, "checkout", limit)
        engine.dispose()
    assert pages
    assert sync(run, store.uri, experiment).in_sync


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR])
def test_a_file_that_fails_in_the_middle_ends_the_attempt_at_once(
    code: int, store: Store, make_run: MakeRun, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file fails for every kind, and each try of a locked one takes MLflow twenty seconds."""
    calls: list[int] = []

    def fail(*_: object) -> None:
        calls.append(1)
        error = sqlite3.OperationalError("as SQLite says it")
        error.sqlite_errorcode = code
        raise RuntimeError from error

    monkeypatch.setattr(type(store.client), "log_batch", fail)
    with pytest.raises(MlflowUnreachableError):
        sync(make_run(), store.uri, experiment)
    assert len(calls) == 1


def test_a_kind_that_is_refused_without_end_is_not_tried_without_end(store: Store, experiment: str) -> None:
    assert {kind for kind in Kind if not kind.in_store} == {Kind.ARTIFACTS, Kind.TRACES, Kind.MODELS}
    attempts = Attempts(store, MlflowWriter(store, experiment, "x").experiment_id)
    calls: list[int] = []

    def refuse() -> None:
        calls.append(1)
        raise ValueError("no")

    for seq in range(100):
        assert not attempts.attempt(Kind.TAGS, seq, "a tag", refuse)
    assert len(calls) == 3
    assert attempts.gaps.reasons == {"tags": "a tag: ValueError: no"}


@pytest.mark.parametrize(
    "said",
    [
        '(psycopg2.errors.UniqueViolation) duplicate key value violates unique constraint "dataset_pk"',
        "(sqlite3.IntegrityError) UNIQUE constraint failed: datasets.experiment_id, datasets.name, datasets.digest",
    ],
)
def test_a_row_that_another_run_wrote_meanwhile_is_no_refusal(store: Store, experiment: str, said: str) -> None:
    """MLflow looks for the row of a dataset and then inserts it: of two runs at once, one finds it taken."""
    attempts = Attempts(store, MlflowWriter(store, experiment, "x").experiment_id)
    failures = iter([RuntimeError(said)])

    def write() -> None:
        for failure in failures:
            raise failure

    assert attempts.attempt(Kind.DATASETS, 1, "digits", write)
    assert attempts.gaps.reasons == {}
