"""What launched commands share."""

from collections.abc import Iterator

import pytest

from tests.cli.cluster import SmallCluster, running_cluster


@pytest.fixture(scope="session")
def shared_cluster() -> Iterator[SmallCluster]:
    """Run one cluster for all launches that do not test a private session, whose start costs several seconds each."""
    with running_cluster(head_cpus=2, nodes=0) as cluster:
        yield cluster
