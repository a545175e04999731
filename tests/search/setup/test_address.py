"""Where Ray runs: an option, RAY_ADDRESS, or a private session; told before anything is spent."""

import socket

import pytest

from search.errors import ConfigError, ResourceError
from search.setup.address import check_answers, ray_address
from search.setup.config import make_config, placed
from search.setup.preparation import resolve_needs

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
    monkeypatch.setattr("search.setup.address._one_runs_here", lambda: False)
    with pytest.raises(ResourceError, match="finds no cluster"):
        check_answers("auto")
    check_answers("local")
    check_answers(None)
