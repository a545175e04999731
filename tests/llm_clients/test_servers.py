"""Which process serves an endpoint, and why none can be seen."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import psutil
import pytest

from llm_clients.servers import UnseenServerError, is_local, server_process

LISTENS = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
input()
"""


@pytest.fixture(scope="module")
def listening() -> Iterator[tuple[int, int]]:
    """The process and its port."""
    command = [sys.executable, "-c", LISTENS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        process.kill()


def test_the_process_that_listens_is_found(listening: tuple[int, int]) -> None:
    pid, port = listening
    assert server_process(f"http://localhost:{port}/v1") == pid


def test_of_workers_that_share_a_socket_the_one_that_started_them_is_the_server(
    listening: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pid, port = listening
    real = psutil.net_connections(kind="tcp")
    (own,) = (c for c in real if c.pid == pid)
    worker = own._replace(pid=2)  # a smaller number, as after the numbers have begun again
    monkeypatch.setattr(psutil, "net_connections", lambda kind: [worker, own])
    parents = {pid: 1, 2: pid}
    monkeypatch.setattr(psutil, "Process", lambda number: Worker(parents[number]))
    assert server_process(f"http://127.0.0.1:{port}") == pid


class Worker:
    """A process as far as it is asked for here."""

    def __init__(self, parent: int) -> None:
        self._parent = parent

    def ppid(self) -> int:
        return self._parent

    def name(self) -> str:
        return "worker"


def test_who_only_passes_connections_on_is_not_taken_for_the_server(
    listening: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pid, port = listening
    monkeypatch.setattr(psutil.Process, "name", lambda _: "docker-proxy")
    with pytest.raises(UnseenServerError, match=f"held by docker-proxy .process {pid}., which only passes"):
        server_process(f"http://127.0.0.1:{port}")


def test_a_listener_of_another_user_is_told_from_none(
    listening: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, port = listening
    hidden = [c._replace(pid=None) for c in psutil.net_connections(kind="tcp")]
    monkeypatch.setattr(psutil, "net_connections", lambda kind: hidden)
    with pytest.raises(UnseenServerError, match=f"listens on port {port} belongs to another user"):
        server_process(f"http://127.0.0.1:{port}")


def test_a_listener_that_ends_meanwhile_is_told(listening: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    pid, port = listening

    def ended(process: psutil.Process) -> str:
        raise psutil.NoSuchProcess(process.pid)

    monkeypatch.setattr(psutil.Process, "name", ended)
    with pytest.raises(UnseenServerError, match=f"process {pid}, which listened on port {port}, has ended"):
        server_process(f"http://127.0.0.1:{port}")


def test_a_system_that_shows_no_listeners_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(kind: str) -> None:
        raise psutil.AccessDenied(1)

    monkeypatch.setattr(psutil, "net_connections", denied)
    with pytest.raises(UnseenServerError, match="does not let this user see"):
        server_process("http://127.0.0.1:11434")


def test_this_process_is_no_server() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    with closing(server), pytest.raises(UnseenServerError, match="runs in this process"):
        server_process(f"http://127.0.0.1:{server.getsockname()[1]}")


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        (None, "no server is asked"),
        ("https://api.openai.com/v1", "not on this machine"),
        ("http://10.1.2.3:8000", "not on this machine"),
        ("http://127.0.0.1:1", "nothing listens on port 1 "),
    ],
)
def test_why_there_is_none(endpoint: str | None, reason: str) -> None:
    with pytest.raises(UnseenServerError, match=reason):
        server_process(endpoint)


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("http://localhost:1/v1", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:11434", True),
        ("http://0.0.0.0:11434", True),
        ("https://api.anthropic.com", False),
        ("http://192.168.0.2:8000", False),
    ],
)
def test_which_endpoints_are_on_this_machine(endpoint: str, expected: bool) -> None:
    assert is_local(endpoint) is expected
