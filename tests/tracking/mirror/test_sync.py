"""The mirror, the sync and the query against a real MLflow on SQLite."""

import base64
import dataclasses
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import urllib3.util.connection

from search.setup.provenance import provenance_here
from tests.tracking.samples import numbered, run_started, whole_run
from tracking.errors import (
    EmptyLedgerError,
    LockedError,
    MlflowUnreachableError,
    UnknownExperimentError,
    UnknownRunError,
)
from tracking.kinds import RunStatus, TrialState
from tracking.ledger import Ledger
from tracking.made_with import provenance_lines
from tracking.mirror.mlflow_store import Store, connect, has_view, open_experiment
from tracking.mirror.mlflow_view import MlflowMirror
from tracking.mirror.mlflow_writer import MlflowWriter, mirror_lock
from tracking.mirror.query import read_runs
from tracking.mirror.saved_view import VIEW_TAG
from tracking.mirror.sync import sync
from tracking.payloads import Resumed, RunEnded, RunStarted
from tracking.reader import read_ledger
from tracking.runs import RunDir, RunDirs

MakeRun = Callable[..., RunDir]


def everything(store: Store, experiment: str) -> dict[str, Any]:
    """Return all that MLflow contains of an experiment, by the name of the part, without MLflow's own ids."""
    client = store.client
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return {
        run.info.run_name: {
            "status": run.info.status,
            "times": (run.info.start_time, run.info.end_time),
            "params": run.data.params,
            "tags": {k: v for k, v in run.data.tags.items() if k not in {"mlflow.parentRunId", "espalier.run_id"}},
            "metrics": {key: _history(client, run.info.run_id, key) for key in run.data.metrics},
            "files": sorted(_files(client, run.info.run_id)),
        }
        for run in found
    }


def _history(client: Any, run_id: str, key: str) -> list[tuple[int, int, str]]:
    return sorted((m.step, m.timestamp, repr(m.value)) for m in client.get_metric_history(run_id, key))


def _files(client: Any, run_id: str, path: str | None = None) -> list[str]:
    listed = client.list_artifacts(run_id, path)
    return [name for f in listed for name in (_files(client, run_id, f.path) if f.is_dir else [f.path])]


def test_mlflow_shows_the_complete_run(make_run: MakeRun, store: Store, experiment: str) -> None:
    run = make_run()
    state = sync(run, store.uri, experiment)
    assert state.in_sync
    shown = everything(store, experiment)
    (parent,) = (part for part in shown.values() if part["tags"]["espalier.part"] == "run")
    (tuned,) = (part for part in shown.values() if part["tags"]["espalier.part"] == "finetune")
    assert {name: part["status"] for name, part in shown.items() if part is not parent} == {
        "trial-000": "FINISHED",
        "trial-001": "FINISHED",
        "trial-002": "FAILED",
        "fine-tune · tiny · rules · 1 kMACs · s0": "FINISHED",
    }
    assert [(step, value) for step, _, value in shown["trial-000"]["metrics"]["holdout_accuracy"]] == [
        (0, "0.5"),
        (1, "0.9"),
    ]
    assert [step for step, _, _ in tuned["metrics"]["train_loss"]] == [1, 2]
    assert shown["trial-001"]["metrics"]["holdout_loss"][0][2] == "nan"
    assert parent["params"]["recipe.epochs"] == "3"
    files = ["config.json", "ledger.jsonl", "llm/call-0000.json", "recipe.json", "report.html", "summary.json"]
    assert parent["files"] == [*files, "winner.json"]
    figures = {f"metrics.`{name}`" for name in parent["metrics"]} | {f"params.`{name}`" for name in parent["params"]}
    beside = {"attributes.`Models`", "params.`dataset`"}  # the sample's configuration names no data set
    _check_view(store, str(state.experiment_id), figures | beside)


def _check_view(store: Store, experiment_id: str, figures: set[str]) -> None:
    """MLflow's page has a view whose columns are figures of the run, and it is the user's to change."""
    assert has_view(store, experiment_id)
    experiment = store.client.get_experiment(experiment_id)
    view = json.loads(experiment.tags[VIEW_TAG])
    shown = json.loads(zlib.decompress(base64.b64decode(view["state"].removeprefix("deflate;"))))
    assert {"metrics.`accuracy`", "metrics.`macs`"} < set(shown["selectedColumns"]) <= figures
    store.client.set_experiment_tag(experiment_id, VIEW_TAG, "own")
    open_experiment(store, experiment.name)
    assert store.client.get_experiment(experiment_id).tags[VIEW_TAG] == "own"


def test_a_call_of_an_llm_is_a_trace_and_a_second_sync_changes_none_of_it(
    make_run: MakeRun, store: Store, experiment: str
) -> None:
    run = make_run()
    state = sync(run, store.uri, experiment)
    first = traces(store, state.experiment_id)
    (trace,) = first.values()
    assert trace["run"] == state.run_id
    assert (trace["tags"]["espalier.call"], trace["tags"]["espalier.run_id"]) == ("0", run_id_of(run))
    assert trace["state"] == "OK"
    call, *trips = trace["spans"]
    assert [trip[0] for trip in trips] == ["trip 1: overloaded", "trip 2: answered"]
    assert [trip[1] for trip in trips] == ["ERROR", "OK"]
    assert call[0] == "call 0"
    assert call[2]["mlflow.llm.model"] == "scripted"
    assert call[2]["mlflow.chat.tokenUsage"]["total_tokens"] == 120
    assert call[2]["mlflow.llm.cost"] == {"total_cost": 0.01}
    assert call[2]["espalier.outcome"] == "answered"
    assert trace["tokens"] == {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
    client = store.client
    client.set_tag(state.run_id, "espalier.synced_seq", "0")  # as after a crash before the mark was set
    sync(run, store.uri, experiment)
    assert traces(store, state.experiment_id) == first


def run_id_of(run: RunDir) -> str:
    first = read_ledger(run.ledger)[0].payload
    assert isinstance(first, RunStarted)
    return first.run_id


def traces(store: Store, experiment_id: str | None) -> dict[str, Any]:
    """Return all that MLflow contains of the traces of an experiment, by id."""
    found = store.client.search_traces(locations=[experiment_id])
    return {
        trace.info.trace_id: {
            "run": trace.info.trace_metadata["mlflow.sourceRun"],
            "tags": trace.info.tags,
            "metadata": trace.info.trace_metadata,
            "state": trace.info.state.value,
            "times": (trace.info.request_time, trace.info.execution_duration),
            "tokens": trace.info.token_usage,
            "spans": [
                (span.name, span.status.status_code.value, span.attributes, span.start_time_ns, span.end_time_ns)
                for span in sorted(trace.data.spans, key=lambda span: (span.parent_id is not None, span.start_time_ns))
            ],
        }
        for trace in found
    }


def test_children_name_their_parent(make_run: MakeRun, store: Store, experiment: str) -> None:
    state = sync(make_run(), store.uri, experiment)
    query = f"tags.`mlflow.parentRunId` = '{state.run_id}'"
    assert len(store.client.search_runs([state.experiment_id], query)) == 4


def test_a_second_sync_changes_nothing(make_run: MakeRun, store: Store, experiment: str) -> None:
    run = make_run()
    first = sync(run, store.uri, experiment)
    before = everything(store, experiment)
    assert sync(run, store.uri, experiment) == first
    assert everything(store, experiment) == before


def test_a_sync_after_a_mirror_changes_nothing(make_run: MakeRun, store: Store, experiment: str) -> None:
    run = make_run()
    mirror = MlflowMirror(run, store.uri, experiment)
    for event in read_ledger(run.ledger):
        mirror.feed(event)
    mirror.close(60)
    before = everything(store, experiment)
    sync(run, store.uri, experiment)
    assert everything(store, experiment) == before


def test_an_interrupted_mirror_is_completed(make_run: MakeRun, store: Store, experiment: str) -> None:
    run = make_run()
    whole = f"{experiment}-whole"
    sync(run, store.uri, whole)
    events = read_ledger(run.ledger)
    run_id = events[0].payload.run_id  # type: ignore[attr-defined]
    for end in range(0, len(events), 5):
        MlflowWriter(store, experiment, run_id).apply(events[:end])
    sync(run, store.uri, experiment)
    assert everything(store, experiment) == everything(store, whole)


def test_a_writer_interrupted_within_a_batch_is_completed(
    make_run: MakeRun, store: Store, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    whole = f"{experiment}-whole"
    sync(run, store.uri, whole)
    real = type(store.client).log_batch
    for fatal in (1, 2, 5):
        calls = iter(range(1, 1000))

        def die(*args: Any, fatal: int = fatal, calls: Any = calls, **kwargs: Any) -> Any:
            if next(calls) == fatal:
                raise KeyboardInterrupt
            return real(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(type(store.client), "log_batch", die)
            with pytest.raises(KeyboardInterrupt):
                sync(run, store.uri, experiment)
    sync(run, store.uri, experiment)
    assert everything(store, experiment) == everything(store, whole)


def test_a_changed_report_is_uploaded_again(make_run: MakeRun, store: Store, experiment: str) -> None:
    run = make_run()
    state = sync(run, store.uri, experiment)
    run.report.write_text("<html>new</html>")
    sync(run, store.uri, experiment)
    local = store.client.download_artifacts(state.run_id, "report.html")
    with open(local) as report:  # noqa: PTH123
        assert report.read() == "<html>new</html>"


def test_a_run_that_goes_on_is_extended(make_run: MakeRun, store: Store, experiment: str) -> None:
    run = make_run()
    first = sync(run, store.uri, experiment)
    with Ledger.open(run.ledger) as ledger:
        ledger.record(Resumed(from_seq=26))
    sync(run, store.uri, experiment)
    assert store.client.get_run(first.run_id).info.status == "RUNNING"
    assert read_runs(store.uri, experiments=[experiment])[0].status is None
    with Ledger.open(run.ledger) as ledger:
        ledger.record(RunEnded(status=RunStatus.FINISHED, error=None, wall_s=20))
    assert sync(run, store.uri, experiment).run_id == first.run_id
    (record,) = read_runs(store.uri, experiments=[experiment])
    assert (record.status, record.wall_s) == (RunStatus.FINISHED, 20)


def test_a_deleted_trial_stays_deleted(make_run: MakeRun, store: Store, experiment: str) -> None:
    run = make_run()
    events = read_ledger(run.ledger)
    MlflowWriter(store, experiment, events[0].payload.run_id).apply(events[:9])  # type: ignore[attr-defined]
    (record,) = read_runs(store.uri, experiments=[experiment])
    store.client.delete_run(record.trials[0].mlflow_run_id)
    sync(run, store.uri, experiment)
    (record,) = read_runs(store.uri, experiments=[experiment])
    assert [trial.trial for trial in record.trials] == [1, 2]


def test_a_deleted_experiment_is_reported(make_run: MakeRun, store: Store, experiment: str) -> None:
    state = sync(make_run(), store.uri, experiment)
    store.client.delete_experiment(state.experiment_id)
    with pytest.raises(MlflowUnreachableError, match="was deleted; restore it"):
        sync(make_run(), store.uri, experiment)


def test_a_sync_beside_the_mirror_is_refused(make_run: MakeRun, store: Store, experiment: str) -> None:
    run = make_run()
    with mirror_lock(run), pytest.raises(LockedError, match="is being written by"):
        sync(run, store.uri, experiment)


def test_an_empty_run_has_nothing_to_show(store: Store, experiment: str, tmp_path: Any) -> None:
    run = RunDirs(tmp_path / "runs").create("m")
    Ledger.create(run.ledger).close()
    with pytest.raises(EmptyLedgerError, match="does not begin"):
        sync(run, store.uri, experiment)


def test_many_trials_go_in_few_calls(store: Store, experiment: str) -> None:
    """Count calls, so that nothing depends on the machine."""
    events = numbered(whole_run("calls"))
    calls: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            calls.append(name)
            return getattr(store.client, name)

    writer = MlflowWriter(dataclasses.replace(store, client=Counting()), experiment, "calls")
    calls.clear()
    writer.apply(events)
    assert calls.count("create_run") == 5
    assert calls.count("log_batch") <= 7
    assert len(calls) <= 24


def test_what_was_written_is_read_back(make_run: MakeRun, store: Store, experiment: str) -> None:
    run = make_run(proposer="llm", llm="claude-x", seed=7)
    state = sync(run, store.uri, experiment)
    (record,) = read_runs(store.uri, experiments=[experiment])
    shown = dataclasses.asdict(record)
    trials = shown.pop("trials")
    assert shown.pop("config")["recipe.lr"] == "0.1"
    assert shown == {
        "run_id": read_ledger(run.ledger)[0].payload.run_id,  # type: ignore[attr-defined]
        "mlflow_run_id": state.run_id,
        "experiment": experiment,
        "model": "tiny",
        "dataset": "digits",
        "proposer": "llm",
        "llm": "claude-x",
        "seed": 7,
        "status": RunStatus.FINISHED,
        "started_ms": 1795257753125,
        "counter": "fvcore",
        "target_macs": 1000,
        "band_macs": (950, 1010),
        "baseline_macs": 10_000,
        "baseline_params": 500,
        "baseline_accuracy": 0.98,
        "winner_macs": 998,
        "winner_params": 50,
        "proxy_accuracy": 0.9,
        "accuracy": 0.95,
        "latency_ms": 1.5,
        "trials_proposed": 3,
        "trials_completed": 1,
        "trials_stopped_early": 1,
        "trials_failed": 1,
        "revisions": 1,
        "wall_s": 12.5,
        "made_with": None,
        "llm_calls": 1,
        "llm_invalid_answers": 0,
        "input_tokens": 100,
        "output_tokens": 20,
        "cost_usd": 0.01,
        "llm_answers": 1,
        "llm_valid": 1,
        "llm_parse_errors": 1,
        "llm_schema_errors": 1,
        "llm_out_of_range": 1,
        "llm_strategies": 1,
        "llm_repeated": 1,
        "llm_incoherent": 1,
    }
    assert [(trial["trial"], trial["state"], trial["proxy_accuracy"], trial["error"]) for trial in trials] == [
        (0, TrialState.COMPLETED, 0.9, None),
        (1, TrialState.STOPPED_EARLY, 0.3, None),
        (2, TrialState.FAILED, None, "out of memory"),
    ]
    assert {(trial["macs"], trial["params"], trial["in_band"]) for trial in trials} == {
        (998, 50, True),
        (998, 50, False),
    }


def test_what_was_not_recorded_reads_as_none(store: Store, experiment: str) -> None:
    MlflowWriter(store, experiment, "young").apply(numbered(whole_run("young"))[:1])
    (record,) = read_runs(store.uri, experiments=[experiment])
    recorded = {key for key, value in dataclasses.asdict(record).items() if value is not None}
    identity = {"run_id", "mlflow_run_id", "experiment", "model", "dataset", "proposer", "seed", "started_ms"}
    assert recorded == identity | {"config", "trials"}


def test_what_a_run_was_made_with_is_read_back(store: Store, experiment: str) -> None:
    here = provenance_here()
    started = run_started("told").model_copy(update={"provenance": here})
    MlflowWriter(store, experiment, "told").apply(numbered([started]))
    (record,) = read_runs(store.uri, experiments=[experiment])
    assert record.made_with == (tuple(provenance_lines(here)),)


def test_runs_are_chosen_by_either_id(make_run: MakeRun, store: Store, experiment: str) -> None:
    states = [sync(make_run(seed=seed), store.uri, experiment) for seed in range(3)]
    everyone = read_runs(store.uri, experiments=[experiment])
    assert sorted(record.seed for record in everyone) == [0, 1, 2]
    ours = next(record for record in everyone if record.seed == 2)
    chosen = read_runs(store.uri, experiments=[experiment], run_ids=[ours.run_id, states[0].run_id or ""])
    assert sorted(record.seed for record in chosen) == [0, 2]


def test_runs_of_others_are_ignored(make_run: MakeRun, store: Store, experiment: str) -> None:
    state = sync(make_run(), store.uri, experiment)
    store.client.create_run(state.experiment_id)
    assert len(read_runs(store.uri, experiments=[experiment])) == 1


def test_an_unknown_name_is_reported_with_what_exists(
    make_run: MakeRun, store: Store, experiment: str, tmp_path: Any
) -> None:
    sync(make_run(), store.uri, experiment)
    with pytest.raises(UnknownExperimentError, match=experiment):
        read_runs(store.uri, experiments=[experiment + "x"])
    with pytest.raises(UnknownRunError, match="it contains 1 runs"):
        read_runs(store.uri, experiments=[experiment], run_ids=["zzz"])
    missing = tmp_path / "none.db"
    with pytest.raises(MlflowUnreachableError, match="no such file yet"):
        read_runs(f"sqlite:///{missing}")
    assert not missing.exists()


def test_a_file_that_is_no_database_is_reported(tmp_path: Any) -> None:
    (tmp_path / "mlflow.db").write_text(json.dumps({"not": "a database"}) * 100)
    with pytest.raises(MlflowUnreachableError, match="not a database"):
        connect(f"sqlite:///{tmp_path}/mlflow.db", create=True)


@pytest.mark.usefixtures("impatient")
def test_a_dead_server_is_reported_at_once(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes as many attempts as the user's settings allow; a database is checked before its driver would retry."""
    attempts = []
    connection = urllib3.util.connection.create_connection

    def counting(address: tuple[str, int], *rest: Any, **options: Any) -> Any:
        attempts.append(address)
        return connection(address, *rest, **options)

    monkeypatch.setattr(urllib3.util.connection, "create_connection", counting)
    with pytest.raises(MlflowUnreachableError, match="Connection refused"):
        sync(make_run(), "http://127.0.0.1:9", "e")
    assert attempts == [("127.0.0.1", 9)]
    with pytest.raises(MlflowUnreachableError, match=r"127\.0\.0\.1:9 does not answer"):
        sync(make_run(), "postgresql://me:secret@127.0.0.1:9/mlflow", "e")


def test_no_mlruns_folder_is_left_behind(
    make_run: MakeRun, store: Store, experiment: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of that name would make later MLflow commands ignore the database."""
    monkeypatch.chdir(tmp_path)
    sync(make_run(), store.uri, experiment)
    assert {path.name for path in tmp_path.iterdir()} == {"runs"}
