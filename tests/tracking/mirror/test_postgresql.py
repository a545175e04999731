"""MLflow on a real PostgreSQL: many runs at once, and a database that stops in the middle of one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.tracking.mirror.test_servers import Server, round_trip
from tests.tracking.mirror.test_sync import everything
from tests.tracking.postgres import Postgres, missing, running_postgres
from tests.tracking.samples import ending, evaluated, preparation, run_started, trials, written_run
from tracking.kinds import RunStatus, Subject
from tracking.ledger import Ledger
from tracking.mirror.mlflow_store import connect
from tracking.mirror.mlflow_view import MlflowMirror
from tracking.mirror.sync import sync
from tracking.payloads import FinetuneEnded, FinetuneEpoch, FinetuneStarted, RunEnded, Winner
from tracking.reader import read_ledger
from tracking.runs import RunDir, RunDirs
from tracking.tracker import TrackingState

pytestmark = [pytest.mark.slow, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

RUNS, EPOCHS = 8, 50
"""Each epoch has four metrics."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def server(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """MLflow's server on a database of it, which it makes its tables in."""
    server = Server(tmp_path_factory.mktemp("server"), postgres.create("served"))
    server.start()
    yield server
    server.stop()


def long_run(folder: Path, name: str) -> RunDir:
    """A run with a fine-tune of many epochs."""
    winner = next(payload for payload in ending() if isinstance(payload, Winner))
    run = RunDirs(folder / "runs").create("tiny", "rules", name)
    with Ledger.create(run.ledger) as ledger:
        for payload in (
            run_started(run.run_id),
            *preparation(),
            *trials(),
            winner,
            FinetuneStarted(workers=1, recipe={"lr": 0.05}),
            *(
                FinetuneEpoch(epoch=n, train_loss=1 / n, holdout_accuracy=n / 100, lr=0.1 / n, wall_s=n)
                for n in range(1, EPOCHS + 1)
            ),
            FinetuneEnded(wall_s=2.0, epochs=EPOCHS, holdout_accuracy=EPOCHS / 100, checkpoint="tuned"),
            evaluated(Subject.WINNER, 950),
            RunEnded(status=RunStatus.FINISHED, error=None, wall_s=12.5),
        ):
            ledger.record(payload)
    return run


def mirrored(run: RunDir, uri: str, experiment: str) -> TrackingState:
    mirror = MlflowMirror(run, uri, experiment)
    for event in read_ledger(run.ledger):
        mirror.feed(event)
    return mirror.close(timeout_s=300.0)


def test_a_database_itself_is_a_store_too(postgres: Postgres, tmp_path: Path) -> None:
    round_trip(postgres.create("direct"), written_run(tmp_path / "runs"), "direct")


def test_eight_runs_at_once_lose_no_metric(server: Server, tmp_path: Path) -> None:
    runs = [long_run(tmp_path, f"s{number}") for number in range(RUNS)]
    with ThreadPoolExecutor(RUNS) as pool:
        states = list(pool.map(lambda run: mirrored(run, server.uri, "eight"), runs))
    assert [state.in_sync for state in states] == [True] * RUNS
    client = connect(server.uri, create=False).client
    found = client.search_runs(
        [client.get_experiment_by_name("eight").experiment_id], "tags.`espalier.part` = 'finetune'"
    )
    assert len(found) == RUNS
    for run in found:
        steps = {
            name: [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, name)]
            for name in ("train_loss", "holdout_accuracy", "lr", "wall_s")
        }
        epochs = range(1, EPOCHS + 1)
        assert sorted(steps["train_loss"]) == [(n, 1 / n) for n in epochs]
        assert sorted(steps["holdout_accuracy"]) == [(n, n / 100) for n in epochs]
        assert sorted(steps["lr"]) == [(n, 0.1 / n) for n in epochs]
        assert sorted(steps["wall_s"]) == [(n, float(n)) for n in epochs]


def test_what_a_stopped_database_missed_is_brought_once(
    server: Server, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    run = long_run(tmp_path, "torn")
    events = read_ledger(run.ledger)
    mirror = MlflowMirror(run, server.uri, "torn")
    for event in events[: len(events) // 2]:
        mirror.feed(event)
    assert mirror.flush(timeout_s=300.0).synced_seq >= len(events) // 2
    postgres.stop()
    for event in events[len(events) // 2 :]:
        mirror.feed(event)
    assert not mirror.close(timeout_s=300.0).in_sync
    postgres.start()
    first = sync(run, server.uri, "torn")
    assert first.in_sync
    assert sync(run, server.uri, "torn") == first
    assert sync(run, server.uri, "whole").in_sync
    store = connect(server.uri, create=False)
    assert everything(store, "torn") == everything(store, "whole"), "nothing is missing, and nothing is there twice"
