"""A study in a real MLflow: a parent, a child per condition, artifacts; a second sync changes nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tracking.mirror.test_sync import everything
from tests.tracking.samples import START
from tracking.kinds import RunStatus
from tracking.ledger import Ledger
from tracking.mirror.mlflow_store import Store
from tracking.mirror.query import read_runs, read_studies
from tracking.mirror.sync import sync
from tracking.payloads import Interrupted, Payload, Resumed
from tracking.runs import RunDir
from tracking.study_payloads import (
    ConditionBegun,
    ConditionFailed,
    ConditionMeasured,
    Prepared,
    StudyEnded,
    StudyExtended,
    StudyStarted,
)

MakeRun = Callable[..., RunDir]


def begun(number: int) -> ConditionBegun:
    return ConditionBegun(condition=f"c{number}", number=number, factors={"arm": "dense", "level": number}, seed=7)


def measured(number: int, loss: float = 0.5) -> ConditionMeasured:
    return ConditionMeasured(condition=f"c{number}", figures={"loss": loss}, wall_s=1.5, worker="local")


FAILED = ConditionFailed(condition="c1", error="ValueError: too hot", wall_s=0.5, worker="local")
BOUGHT = Prepared(key="call/1", facts={"cost_usd": 0.25})
FIRST: tuple[Payload, ...] = (BOUGHT, begun(0), begun(1), measured(0), FAILED, begun(2))
ENDED = StudyEnded(status=RunStatus.INTERRUPTED, measured=1, failed=1, error=None)


@pytest.fixture
def study(tmp_path: Path, store: Store, experiment: str) -> RunDir:
    """An interrupted study: one condition measured, one failed, one cut off."""
    folder = tmp_path / "study"
    folder.mkdir()
    started = StudyStarted(
        run_id=f"study-{experiment}", study="heads", question="Which heads?", started_at=START,
        options={"seeds": 1, "levels": [0, 1]}, mlflow=True, tracking_uri=store.uri, experiment=experiment,
    )  # fmt: skip
    with Ledger.create(folder / "ledger.jsonl") as ledger:
        for payload in (started, *FIRST, Interrupted(reason="SIGINT"), ENDED):
            ledger.record(payload)
    (folder / "cells.csv").write_text("arm,loss\n")
    return RunDir(folder)


def go_on(study: RunDir, *payloads: Payload) -> None:
    with Ledger.open(study.ledger) as ledger:
        for payload in payloads:
            ledger.record(payload)


def test_mlflow_shows_the_study(study: RunDir, store: Store, experiment: str) -> None:
    assert sync(study).in_sync, "to the store that its ledger names"
    shown = everything(store, experiment)
    parent = shown.pop(f"study-{experiment}")
    assert {name: part["status"] for name, part in shown.items()} == {
        "condition-000": "FINISHED",
        "condition-001": "FAILED",
        "condition-002": "KILLED",
    }
    assert shown["condition-000"]["params"] == {"arm": "dense", "level": "0", "seed": "7"}
    assert [value for _, _, value in shown["condition-000"]["metrics"]["loss"]] == ["0.5"]
    assert shown["condition-001"]["metrics"].keys() == {"wall_s"}, "a failure has no figure"
    assert shown["condition-001"]["tags"]["espalier.error"] == "ValueError: too hot"
    assert parent["status"] == "KILLED"
    assert parent["params"] == {"seeds": "1", "levels": "[0, 1]"}
    assert parent["files"] == ["cells.csv", "ledger.jsonl", "options.json", "prepared.json"]


def test_a_second_sync_changes_nothing(study: RunDir, store: Store, experiment: str) -> None:
    sync(study)
    first = everything(store, experiment)
    sync(study)
    assert everything(store, experiment) == first


def test_a_study_that_went_on_ends_as_one_that_was_never_interrupted(
    study: RunDir, store: Store, experiment: str
) -> None:
    sync(study)
    more = StudyExtended(options={"seeds": 1, "levels": [0, 1, 2]})
    end = StudyEnded(status=RunStatus.FINISHED, measured=3, failed=0, error=None)
    go_on(study, Resumed(from_seq=9), more, begun(1), measured(1), begun(2), measured(2), end)
    sync(study)
    shown = everything(store, experiment)
    assert {part["status"] for part in shown.values()} == {"FINISHED"}
    assert shown["condition-001"]["tags"]["espalier.error"] == "", "it was measured after all"
    (record,) = read_studies(store.uri, experiments=[experiment])
    assert (record.study, record.question, record.status) == ("heads", "Which heads?", RunStatus.FINISHED)
    assert (record.measured, record.failed) == (3, 0)


def test_a_study_is_no_run_and_a_run_no_study(
    study: RunDir, make_run: MakeRun, store: Store, experiment: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run()
    sync(run, store.uri, experiment)
    sync(study)
    assert [record.run_id for record in read_runs(store.uri, experiments=[experiment])] == ["run" + run_number(run)]
    assert [record.study for record in read_studies(store.uri, experiments=[experiment])] == ["heads"]
    assert "left out" not in caplog.text


def run_number(run: RunDir) -> str:
    """Return what its ledger adds to the name."""
    from tracking.events import payloads_of
    from tracking.payloads import RunStarted
    from tracking.reader import read_ledger

    return payloads_of(read_ledger(run.ledger), RunStarted)[0].run_id.removeprefix("run")


def test_datasets_and_the_figures_of_each_item_are_in_the_database(
    tmp_path: Path, store: Store, experiment: str
) -> None:
    folder = tmp_path / "each"
    folder.mkdir()
    started = StudyStarted(
        run_id=f"each-{experiment}", study="resources", question="What?", started_at=START, options={}, mlflow=True,
        tracking_uri=store.uri, experiment=experiment,
    )  # fmt: skip
    tasks = [{"task_id": "1", "category": "lists"}, {"task_id": "2", "category": "dicts"}]
    dataset = Prepared(key="dataset/tasks", facts={"source": "mbpp.jsonl", "sha256": "ab" * 32, "rows": tasks})
    series = Prepared(key="series/c0", facts={"solved": [1.0, None, 0.0]})
    with Ledger.create(folder / "ledger.jsonl") as ledger:
        for payload in (started, dataset, series, begun(0), measured(0)):
            ledger.record(payload)
    for _ in range(2):
        sync(RunDir(folder))
    client = store.client
    experiments = [client.get_experiment_by_name(experiment).experiment_id]
    runs = {run.data.tags["espalier.part"]: run for run in client.search_runs(experiments)}
    (given,) = runs["run"].inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest) == ("tasks", ("ab" * 32)[:36])
    assert json.loads(given.dataset.profile)["rows"] == tasks
    history = client.get_metric_history(runs["condition:0"].info.run_id, "each/solved")
    assert sorted((point.step, point.value) for point in history) == [(0, 1.0), (2, 0.0)]
