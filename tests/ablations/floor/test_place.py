"""Where a study is measured: how many of its conditions at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ablations.floor.execution.on_ray import RayStudyExecutor
from search.errors import ResourceError
from search.setup.resources import Machines, Needs, Node

CLUSTER = Machines((Node(0, 0), Node(16, 4), Node(16, 4)), "the Ray cluster")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Needs]:
    """What private sessions are started for, on a machine of 32 CPUs; a cluster is not connected to."""
    started: list[Needs] = []

    @contextmanager
    def session(address: str | None, needs: Needs) -> Iterator[None]:
        assert address is None
        started.append(needs)
        yield

    @contextmanager
    def connected(address: str) -> Iterator[None]:
        assert address == "head:6379"
        yield

    monkeypatch.setattr("ablations.floor.execution.on_ray.ray_session", session)
    monkeypatch.setattr("ablations.floor.execution.on_ray.connected", connected)
    monkeypatch.setattr("ablations.floor.execution.on_ray.this_machine", lambda: Machines((Node(32, 0),)))
    monkeypatch.setattr("search.execution.nodes.cluster_now", lambda: CLUSTER)
    return started


def workers(address: str | None, asked: int | None, conditions: int, cpus: float = 1.0, gpus: float = 0.0) -> int:
    executor = RayStudyExecutor(address, asked, conditions, cpus, gpus, Path("storage"))
    with executor.ready():
        return executor._workers


@pytest.mark.parametrize(
    ("conditions", "cpus", "gpus", "expected"),
    [(100, 1.0, 0.0, 32), (20, 1.0, 0.0, 20), (100, 6.0, 0.0, 4), (100, 1.0, 1.0, 8), (100, 1.0, 0.5, 16)],
)
def test_on_a_cluster_they_follow_its_nodes_and_not_the_head(
    started: list[Needs], conditions: int, cpus: float, gpus: float, expected: int
) -> None:
    """No condition spans two nodes; the head of this cluster has no CPU at all."""
    assert workers("head:6379", None, conditions, cpus, gpus) == expected
    assert started == []


def test_on_this_machine_there_are_at_most_eight(started: list[Needs]) -> None:
    assert workers(None, None, 100) == 8
    assert workers(None, None, 3) == 3
    assert workers(None, 20, 100) == 20
    assert [needs.trial_workers for needs in started] == [8, 3, 20]


def test_more_than_the_cluster_has_is_refused(started: list[Needs]) -> None:
    with pytest.raises(ResourceError, match="--workers 33 at 1 CPU each needs 33 CPUs, and the Ray cluster has 32"):
        workers("head:6379", 33, 100)
