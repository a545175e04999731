"""Which runs a study needs, and which of them exist."""

from pathlib import Path

import pytest

from ablations.schedule import earlier_run, schedule
from search.errors import ConfigError
from search.setup.config import RunConfig, make_config
from tests.search.support import EPOCH
from tracking.errors import CorruptLedgerError
from tracking.kinds import RunStatus
from tracking.ledger import Ledger
from tracking.payloads import RunEnded, RunStarted
from tracking.runs import RunDir, RunDirs


def left(config: RunConfig, status: RunStatus | None) -> RunDir:
    """Write the folder of a run that ended with this status, or did not end."""
    folder = RunDirs(config.runs).create("m")
    with Ledger.create(folder.ledger) as ledger:
        ledger.record(
            RunStarted(
                run_id=folder.run_id, model=config.model, dataset=config.dataset, proposer=config.arm, llm=config.llm,
                seed=config.seed, started_at=EPOCH,
                config=config.model_dump(mode="json") | {"window": 4, "train_on_holdout": True},
            )
        )  # fmt: skip
        if status is not None:
            error = "it broke" if status is RunStatus.FAILED else None
            ledger.record(RunEnded(status=status, error=error, wall_s=1.0))
    return folder


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    return make_config({"runs": tmp_path / "runs", "trials": 4})


def test_every_arm_of_a_seed_comes_before_the_next_seed(config: RunConfig) -> None:
    runs = schedule(config, ["gpt-4", "scripted:x"], ["tpe"], 2)
    assert [(run.llm or run.arm, run.seed) for run in runs] == [
        *(("gpt-4", 42), ("scripted:x", 42), ("tpe", 42)),
        *(("gpt-4", 43), ("scripted:x", 43), ("tpe", 43)),
    ]
    assert {run.trials for run in runs} == {4}


def test_each_model_may_also_override_the_optimiser(config: RunConfig) -> None:
    runs = schedule(config, ["gpt-4", "scripted:x"], ["tpe"], 1, hybrid=True)
    assert [(run.arm, run.llm) for run in runs] == [
        ("llm", "gpt-4"),
        ("llm", "scripted:x"),
        ("hybrid", "gpt-4"),
        ("hybrid", "scripted:x"),
        ("tpe", None),
    ]


def test_an_arm_that_contradicts_is_refused(config: RunConfig) -> None:
    with pytest.raises(ConfigError, match="needs a model"):
        schedule(config, [], ["llm"], 1)


def test_a_finished_run_of_the_same_configuration_is_found(config: RunConfig) -> None:
    assert earlier_run(config) is None
    done = left(config, RunStatus.FINISHED)
    left(config, RunStatus.FAILED)
    assert earlier_run(config) == (done, True), "a finished run comes before one that can be resumed"
    assert earlier_run(make_config({**config.model_dump(), "seed": 7})) is None


@pytest.mark.parametrize("status", [None, RunStatus.INTERRUPTED, RunStatus.FAILED])
def test_a_run_that_was_cut_short_is_to_be_resumed(config: RunConfig, status: RunStatus | None) -> None:
    cut = left(config, status)
    assert earlier_run(config) == (cut, False)


def test_a_torn_run_is_to_be_resumed(config: RunConfig) -> None:
    cut = left(config, None)
    with cut.ledger.open("ab") as stream:
        stream.write(b'{"seq":2')
    assert earlier_run(config) == (cut, False)


def test_what_cannot_be_read_is_ignored(config: RunConfig) -> None:
    left(config, None).ledger.write_text("not a ledger")
    old = left(config, RunStatus.FINISHED)
    old.ledger.write_text(old.ledger.read_text().replace('"trials":4', '"trails":4'))
    assert earlier_run(config) is None


def test_a_run_that_is_damaged_further_down_is_not_paid_for_again(config: RunConfig) -> None:
    damaged = left(config, RunStatus.FINISHED)
    first, *rest = damaged.ledger.read_bytes().splitlines(keepends=True)
    damaged.ledger.write_bytes(first + b"".join(line.replace(b"finished", b"failed") for line in rest))
    with pytest.raises(CorruptLedgerError, match="move the run's folder away"):
        earlier_run(config)
    assert earlier_run(make_config({**config.model_dump(), "seed": 7})) is None
