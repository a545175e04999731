"""Runs that go on: elsewhere than they began, and only from a ledger that is theirs and that fits its plan."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ground.cache import cache_folder
from search.errors import ConfigError
from search.launching import reopen
from search.setup.config import RunConfig
from tests.tracking import samples
from tracking.errors import CorruptLedgerError, ForeignLedgerError
from tracking.kinds import RunStatus
from tracking.ledger import Ledger
from tracking.payloads import Exported, LlmAsked, LlmCall, PlanReady, RunEnded, RunStarted
from tracking.runs import RunDir, RunDirs
from trainers.workers import Workers

HERE = {"executor": "local", "workers": None}


@pytest.fixture
def begun(tmp_path: Path) -> RunDir:
    """A run that began on a cluster with two workers of each kind."""
    config = RunConfig(
        runs=tmp_path,
        ray_address="10.0.0.1:6379",
        workers=2,
        finetune_workers=Workers(2, 2),
        target_macs="20%",
        mlflow=False,
    )
    folder = RunDirs(tmp_path).create(config.model, config.arm, "s42")
    with Ledger.create(folder.ledger) as ledger:
        ledger.record(
            RunStarted(
                run_id=folder.run_id,
                model=config.model,
                dataset=config.dataset,
                proposer=config.arm,
                llm=None,
                seed=config.seed,
                started_at=datetime.now(UTC),
                config=config.model_dump(mode="json") | {"window": 4},
            )
        )
    return folder


def test_a_run_of_a_cluster_goes_on_in_this_process_alone(begun: RunDir) -> None:
    """The cluster and its workers are where it began; what it decides, and the window, stay."""
    launch = reopen(begun, elsewhere={"executor": "local", "workers": None})
    launch.close()
    config = launch.config
    assert (config.ray_address, config.workers, config.finetune_workers) == (None, None, None)
    assert (config.target_macs, config.window, config.mlflow) == ("20%", 4, False)


def test_what_contradicts_it_is_still_refused(begun: RunDir) -> None:
    with pytest.raises(ConfigError, match="--executor local and --workers 2 contradict"):
        reopen(begun, elsewhere={"executor": "local", "workers": 2})


def test_elsewhere_all_else_is_as_it_began(begun: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.launching.check_answers", lambda address: None)
    monkeypatch.setattr("search.launching.surveyed_needs", lambda prepared: prepared.needs)
    launch = reopen(begun, elsewhere={"workers": 1}, trusted=("10.0.0.1:6379",))
    launch.close()
    assert (launch.config.ray_address, launch.config.workers) == ("10.0.0.1:6379", 1)


def test_a_ledger_in_another_run_s_folder_is_refused(begun: RunDir) -> None:
    moved = RunDir(begun.path.rename(begun.path.with_name("renamed")))
    with pytest.raises(ForeignLedgerError, match=f"'{begun.run_id}', and its folder is named 'renamed'"):
        reopen(moved, elsewhere=HERE)


def test_a_ledger_that_contradicts_its_plan_is_refused(begun: RunDir) -> None:
    with Ledger.open(begun.ledger) as ledger:
        ledger.record(next(event for event in samples.preparation() if isinstance(event, PlanReady)))
    with pytest.raises(CorruptLedgerError, match="plan") as caught:
        reopen(begun, elsewhere=HERE)
    assert caught.value.line == 2


class ReachedError(Exception):
    """The run is prepared from here on."""


def test_calls_and_open_trips_of_the_ledger_are_on_the_books(begun: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger.open(begun.ledger) as ledger:
        for payload in (samples.llm_asked(), samples.llm_call(), samples.llm_asked(1)):
            ledger.record(payload)
    books: list[tuple[tuple[LlmCall, ...], tuple[LlmAsked, ...]]] = []

    def prepare(config: RunConfig, *, earlier: Any, unsettled: Any, begun: Any) -> None:
        books.append((earlier, unsettled))
        raise ReachedError

    monkeypatch.setattr("search.launching.prepare", prepare)
    with pytest.raises(ReachedError):
        reopen(begun, elsewhere=HERE)
    assert books == [((samples.llm_call(),), (samples.llm_asked(1),))]


def test_a_finished_run_goes_on_where_its_model_is_gone(begun: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger.open(begun.ledger) as ledger:
        ledger.record(Exported(path="model", macs=998, params=50))
        ledger.record(RunEnded(status=RunStatus.FINISHED, error=None, wall_s=1.0))
    reopen(begun, elsewhere=HERE).close()
    monkeypatch.setattr("search.outcome.outputs.is_whole", lambda _: True)
    with pytest.raises(ConfigError, match="is finished, there is nothing to resume"):
        reopen(begun, elsewhere=HERE)


def test_old_drafts_in_the_cache_are_removed_when_a_run_goes_on(begun: RunDir) -> None:
    """What a killed process left of a cache entry; see `tests/ground/test_leftovers.py`."""
    draft = cache_folder() / ".base-1-0badcafe.draft"
    draft.parent.mkdir(parents=True, exist_ok=True)
    draft.write_text("half of an entry")
    os.utime(draft, (0, 0))
    reopen(begun, elsewhere=HERE).close()
    assert not draft.exists()
