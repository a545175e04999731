"""MLflow's server as a child of a verb: it is there while the verb runs, and ends with it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

from search.errors import ConfigError

LOOPBACK = "127.0.0.1"
START_S, END_S = 120.0, 10.0
"""Seconds within which the server must answer, and within which it has to end once it is asked to."""
_POLL_S = 0.1
_SHOWN_LINES = 5


@dataclass(frozen=True, slots=True)
class Service:
    """What is served, and where.

    Attributes:
        store: Address of the database; it reaches the server by its environment, because it may hold a password.
        artifacts: Folder or bucket of the files; None leaves them where the experiments say.
        hosts: Names under which others may reach it, beside loopback's; none for loopback alone.
        environment: Further variables of the server.
    """

    store: str
    port: int
    host: str = LOOPBACK
    artifacts: str | None = None
    hosts: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where it answers, as seen from this machine."""
        return f"http://{LOOPBACK if self.host == '0.0.0.0' else self.host}:{self.port}"  # noqa: S104 - compared

    def command(self) -> list[str]:
        """The command line of the server."""
        line = [sys.executable, "-m", "mlflow", "server", "--host", self.host, "--port", str(self.port)]
        line += ["--workers", "1"]
        if self.artifacts is not None:
            line += ["--artifacts-destination", self.artifacts]
        if self.hosts:
            line += ["--allowed-hosts", ",".join(self.hosts)]
        return line


def check_port(host: str, port: int) -> None:
    """Check that a port is free.

    Raises:
        ConfigError: another program listens there, or this machine has no such address.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"--port {port} of {host} cannot be used: {error.strerror}. Name another one, as in --port {port + 1}."
            ) from None


@contextlib.contextmanager
def serving(service: Service) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server until the block ends, and leave no process of it.

    Yields:
        The process, once it answers.

    Raises:
        ConfigError: it ended by itself, or did not answer in time; its last words are quoted.
        Stopped: a signal came.
    """
    with tempfile.TemporaryFile() as log, _signals():
        process = subprocess.Popen(  # noqa: S603 - its options were checked, and no shell reads them
            service.command(),
            env={
                **os.environ,
                # Its jobs judge traces by a language model, which nobody here asks for, in processes of their own.
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                **service.environment,
                "MLFLOW_BACKEND_STORE_URI": service.store,
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait_until_it_answers(process, service.address, log)
            yield process
        finally:
            _end(process)


def wait(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of the server.

    Raises:
        ConfigError: it ended, which nobody asked for.
        Stopped: a signal came.
    """
    code = process.wait()
    raise ConfigError(f"MLflow's server ended by itself, with exit code {code}. Start it again.")


class Stopped(BaseException):
    """A signal asks this process to end; no error, so that nothing reports it as one."""


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """Raise `Stopped` at the first signal; a second one is left out, because the end is on its way."""

    def stop(number: int, _: FrameType | None) -> None:
        for handled in _HANDLED:
            signal.signal(handled, signal.SIG_IGN)
        raise Stopped(signal.Signals(number).name)

    previous = {number: signal.signal(number, stop) for number in _HANDLED}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _wait_until_it_answers(process: subprocess.Popen[bytes], address: str, log: IO[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while not _answers(address):
        if process.poll() is not None:
            raise ConfigError(f"MLflow's server did not start: {_last_words(log)}")
        if time.monotonic() > deadline:
            raise ConfigError(f"MLflow's server did not answer within {START_S:g} s: {_last_words(log)}")
        time.sleep(_POLL_S)


def _answers(address: str) -> bool:
    # Nothing proxies what goes to this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{address}/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _last_words(log: IO[bytes]) -> str:
    log.seek(0)
    lines = [line.strip() for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return " ".join(lines[-_SHOWN_LINES:]) or "it said nothing"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server with its workers: they are in a session of their own, which no other process is in."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_S)
    # The workers may outlive their parent for a moment.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def folder_uri(path: Path) -> str:
    """A folder as the place of a server's files."""
    return path.absolute().as_uri()
