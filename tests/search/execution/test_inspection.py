"""The nodes of a cluster asked in truth: the suite's session has one."""

import socket
import time
from pathlib import Path

import pytest

from search.execution.inspection import INTERFACE, PACKAGES, about_here, inspect_cluster

pytestmark = pytest.mark.ray


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's minute is short for a core with other work."""
    monkeypatch.setattr("search.execution.inspection.ANSWERS_S", 600.0)


def test_a_node_says_what_it_is_and_nothing_stays_behind(ray_session: None, tmp_path: Path) -> None:
    found = inspect_cluster(tmp_path)
    (node,) = found.nodes
    assert node.about == about_here()
    assert (node.cpus, node.gpus, node.error) == (2.0, 0.0, "")
    assert 0.0 <= found.free_cpus <= 2.0
    assert node.unseen == ()
    assert node.free_bytes is not None
    assert node.free_bytes > 0
    assert abs(node.ahead_s) <= node.unsure_s + 1.0, "it is the same clock"
    assert node.reached is None, "there is no other node"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_error_of_this_machine(ray_session: None, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        inspect_cluster(tmp_path / "file")


def test_what_a_machine_says_of_itself() -> None:
    here = about_here({})
    assert here.host == socket.gethostname()
    assert all(here.packages[name] for name in PACKAGES)
    assert here.interface is None


def test_gloo_takes_the_interface_that_the_environment_names() -> None:
    loopback = next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
    assert about_here({INTERFACE: loopback}).gloo == "127.0.0.1"
    assert about_here({INTERFACE: "none0"}).gloo is None


def test_time_is_read_where_the_node_is() -> None:
    from search.execution.inspection import _Inspector

    assert abs(_Inspector().clock() - time.time()) < 60


def test_a_node_without_the_folder_makes_none(tmp_path: Path) -> None:
    """A folder that it made would be another one than the driver's, under the same path."""
    from search.execution.inspection import _Inspector

    inspector = _Inspector()
    assert not inspector.write(str(tmp_path / "missing"), "a")
    assert not (tmp_path / "missing").exists()
    assert inspector.write(str(tmp_path), "a")
    assert inspector.sees(str(tmp_path), ["a", "b"]) == ["a"]


def test_what_listens_is_reached_and_what_does_not_is_not() -> None:
    from search.execution.inspection import _Inspector

    one, other = _Inspector(), _Inspector()
    port = one.listen("127.0.0.1")
    assert other.reaches("127.0.0.1", port)
    assert one._listener is not None
    one._listener.close()
    assert not other.reaches("127.0.0.1", port)
