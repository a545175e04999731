"""Where Ray runs: an option, RAY_ADDRESS, or a private session; told before anything is spent."""

import socket
from pathlib import Path

import pytest

from search.errors import ConfigError, ResourceError
from search.setup.address import check_answers, located, ray_address
from search.setup.config import make_config, placed
from search.setup.needs import resolve_needs

SET = {"RAY_ADDRESS": "10.0.0.1:6379"}


@pytest.mark.parametrize(
    ("given", "environment", "address"),
    [
        (None, {}, None),
        (None, {"RAY_ADDRESS": ""}, None),
        (None, SET, "10.0.0.1:6379"),
        ("auto", SET, "auto"),
        ("local", SET, "local"),
        ("[::1]:6379", {}, "[::1]:6379"),
    ],
)
def test_the_option_counts_then_the_variable(given: str | None, environment: dict[str, str], address: str) -> None:
    assert ray_address(given, environment) == address
    assert placed(make_config({"ray_address": given}), environment).ray_address == address


def test_local_is_a_private_session_and_without_ray_there_is_no_address() -> None:
    config = make_config({"ray_address": "local"})
    assert config.cluster is None
    assert resolve_needs(config) == resolve_needs(make_config({}))
    assert placed(make_config({"executor": "local"}), SET).ray_address is None


@pytest.mark.parametrize(
    "address",
    ["http://h:8265", "https://h", "ray://h:10001", "h", "h:", ":1", "h:0", "h:99999", "h:x", "a b:1", "\x1b:1"],
)
def test_an_address_that_cannot_be_one_is_refused_by_its_source(address: str) -> None:
    with pytest.raises(ConfigError, match=r"^RAY_ADDRESS .*(--ray-address|HOST:PORT)"):
        ray_address(None, {"RAY_ADDRESS": address})
    with pytest.raises(ConfigError, match=r"^--ray-address "):
        ray_address(address, {})


def test_a_cluster_that_does_not_answer_is_told_before_anything_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        with pytest.raises(ResourceError, match="No cluster answers"):
            check_answers(f"127.0.0.1:{port}")
        listening.listen()
        check_answers(f"127.0.0.1:{port}")
    monkeypatch.setattr("search.setup.address._written_down", lambda: None)
    monkeypatch.setattr("search.setup.address._running", lambda: None)
    with pytest.raises(ResourceError, match="finds no cluster"):
        check_answers("auto")
    check_answers("local")
    check_answers(None)


class Process:
    """As psutil lists it."""

    def __init__(self, name: str, *words: str) -> None:
        self.info = {"name": name, "cmdline": [*words]}


def test_auto_is_a_cluster_of_this_machine_and_no_private_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    session = "--temp_dir=/tmp/espalier-ab12cd_8/r"
    others = [Process("python", "--gcs-address=1.1.1.1:1"), Process("raylet", "--gcs-address=127.0.0.1:5", session)]
    monkeypatch.setattr("search.setup.address._written_down", lambda: None)
    monkeypatch.setattr("psutil.process_iter", lambda _: others)
    with pytest.raises(ResourceError, match="beside the private sessions"):
        located("auto")
    others.append(Process("raylet", "--gcs-address=10.0.0.1:6379", "--temp_dir=/tmp/ray"))
    assert located("auto") == "10.0.0.1:6379"
    monkeypatch.undo()
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("10.0.0.2:6379\n")
    assert located("auto") == "10.0.0.2:6379"
    assert located("h:1") == "h:1"
