"""Runs that go on elsewhere than they began."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from search.errors import ConfigError
from search.launching import reopen
from search.setup.config import RunConfig
from tracking.ledger import Ledger
from tracking.payloads import RunStarted
from tracking.runs import RunDir, RunDirs


@pytest.fixture
def begun(tmp_path: Path) -> RunDir:
    """A run that began on a cluster with two workers of each kind."""
    config = RunConfig(
        runs=tmp_path, ray_address="10.0.0.1:6379", workers=2, finetune_workers=2, target_macs="20%", mlflow=False
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


def test_elsewhere_all_else_is_as_it_began(begun: RunDir) -> None:
    launch = reopen(begun, elsewhere={"workers": 1}, trusted=("10.0.0.1:6379",))
    launch.close()
    assert (launch.config.ray_address, launch.config.workers) == ("10.0.0.1:6379", 1)
