"""The cluster of hosts that a file of tests shares, and the search that its own are held against."""

from collections.abc import Iterator

import pytest

from tests.clusters.cluster import SEARCH, Alone, Cluster, Run, running_cluster


@pytest.fixture(scope="module")
def begun_alone(tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """A search on one machine, which runs while the hosts are set up."""
    return Alone(tmp_path_factory.mktemp("alone"), SEARCH)


@pytest.fixture(scope="module")
def cluster(begun_alone: Alone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A head and three workers, on which `ray up` has been run."""
    with running_cluster(tmp_path_factory.mktemp("hosts"), "head", "worker1", "worker2", "worker3") as up:
        yield up


@pytest.fixture(scope="module")
def alone(begun_alone: Alone) -> Run:
    return begun_alone.run()
