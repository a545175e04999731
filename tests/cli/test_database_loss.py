"""PostgreSQL stops in the middle of a real search and is started again: nothing waits, and `sync` brings all, once.

It takes a minute, most of which are a search and MLflow's start on an empty database: `make test-cluster` runs it.
"""

import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.launched import Launched, launch
from tests.cli.test_mlflow_verbs import free_port, launched
from tests.tracking.mirror.test_sync import everything
from tests.tracking.postgres import Postgres, missing, running_postgres
from tracking.kinds import RunStatus
from tracking.mirror.mlflow_store import connect

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("ESPALIER_TEST_DATABASE" not in os.environ, reason="`make test-cluster` runs it"),
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]

SEARCH = ("--executor", "local", "--trials", "6", "--epochs", "3", "--finetune-workers", "1", "--runs", "runs")
STOPS, RETURNS, STOPS_AGAIN = "trial   1", "trial   4", "winner: trial"


@dataclass(frozen=True)
class Torn:
    """A search whose database was away twice: for some trials, and from the winner to the end.

    Attributes:
        search: as it ended, with the database away.
        first: the first `sync` afterwards.
        shown: all that MLflow contains after it.
        second: one more `sync`.
        again: all that MLflow contains after that.
        whole: what it contains of the same run where the database never stopped.
    """

    search: Launched
    first: Launched
    shown: dict[str, Any]
    second: Launched
    again: dict[str, Any]
    whole: dict[str, Any]


@pytest.fixture(scope="module")
def torn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Torn]:
    folder = tmp_path_factory.mktemp("torn")
    with running_postgres() as postgres, _server(postgres, folder) as uri:
        away: list[str] = []

        def strike(line: str) -> bool:
            if STOPS in line or STOPS_AGAIN in line:
                postgres.stop()
                away.append(line)
            elif RETURNS in line:
                postgres.start()
            return False

        place = ("--tracking-uri", uri, "--experiment")
        search = launch(folder, "search", *SEARCH, *place, "torn", interrupt_at=strike)
        assert len(away) == 2, search.output
        postgres.start()
        store = connect(uri, create=False)
        first = launch(folder, "sync", "--runs", "runs", *place, "torn")
        shown = everything(store, "torn")
        second = launch(folder, "sync", "--runs", "runs", *place, "torn")
        again = everything(store, "torn")
        assert launch(folder, "sync", "--runs", "runs", *place, "whole").code == 0
        yield Torn(search, first, shown, second, again, everything(store, "whole"))


@contextmanager
def _server(postgres: Postgres, folder: Path) -> Iterator[str]:
    """MLflow's server as `launch.py mlflow` starts it, on an empty database."""
    port = free_port()
    line = ("mlflow", "--port", str(port), "--backend", postgres.create("served"), "--artifacts", "files")
    with launched(folder, *line) as process:
        assert process.stdout is not None
        assert f"http://127.0.0.1:{port}" in process.stdout.readline()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as answer:
            assert answer.status == 200
        yield f"http://127.0.0.1:{port}"
        process.terminate()
        process.wait()


def test_the_search_ends_as_if_nothing_was(torn: Torn) -> None:
    assert torn.search.code == 0, torn.search.output
    assert torn.search.summary.status is RunStatus.FINISHED
    assert [trial for trial, *_ in torn.search.ends] == list(range(6))
    assert torn.search.run.model.exists()


def test_it_says_what_mlflow_lacks(torn: Torn) -> None:
    assert "launch.py sync" in torn.search.output


def test_sync_brings_everything_once(torn: Torn) -> None:
    assert (torn.first.code, torn.second.code) == (0, 0), torn.first.output + torn.second.output
    assert torn.shown == torn.whole, "nothing is missing, and nothing is there twice"
    assert torn.again == torn.shown
    assert len(torn.shown) == 6 + 2, "trials, run and fine-tune"
