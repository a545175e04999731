"""What launched commands share."""

from collections.abc import Iterator

import pytest

from cli import console
from tests.cli.cluster import SmallCluster, running_cluster
from tests.cli.hints import check_hints


@pytest.fixture(scope="session")
def shared_cluster() -> Iterator[SmallCluster]:
    """Run one cluster for all launches that do not test a private session, whose start costs several seconds each."""
    with running_cluster(head_cpus=2, nodes=0) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def every_command_that_is_shown_can_be_pasted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Collect what the command line says in each test of this room, and parse the commands in it."""
    said: list[str] = []
    shown = console._shown

    def heard(text: str) -> str:
        said.append(shown(text))
        return said[-1]

    monkeypatch.setattr(console, "_shown", heard)
    yield
    for text in said:
        check_hints(text)
