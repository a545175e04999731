"""The sandboxes that the tests run in, and a world outside that programs must not reach."""

import os
import secrets
import select
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.backends.bwrap import Bwrap
from sandbox.backends.none import NoWalls
from sandbox.runner import Sandbox

PATIENCE_S = 20.0


def needed(box: Bwrap) -> Sandbox:
    """The sandbox, or a skip that says what is missing."""
    about = box.availability()
    if not about.usable:
        pytest.skip(f"no sandbox here: {about.found}; {about.advice}")
    return Sandbox(box)


@pytest.fixture(scope="session")
def box() -> Sandbox:
    """The sandbox with walls that can be had here."""
    return needed(Bwrap())


@pytest.fixture(scope="session")
def one_user_box() -> Sandbox:
    """The same as users without privileges have it: program, referee and supervisor are one user."""
    return needed(Bwrap(privileged=False))


@pytest.fixture(scope="session")
def open_box() -> Sandbox:
    """No walls, for programs that do no harm."""
    return Sandbox(NoWalls())


@dataclass
class World:
    """What is outside.

    Attributes:
        secret: in the environment of this process as the backend gets it, and in a file.
        marker: a word on the command line of processes, and the name of an abstract socket.
        folder: that all may write, with the secret and a socket.
        port: of a listener on loopback, IPv4 and IPv6.
        doors: all listeners.
        victim: a process that must go on.
    """

    secret: str
    marker: str
    folder: Path
    port: int
    doors: tuple[socket.socket, ...]
    victim: "subprocess.Popen[bytes]"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PLANTED_SECRET": self.secret}

    def knocked(self) -> list[str]:
        """The doors at which someone knocked."""
        ready, _, _ = select.select(self.doors, [], [], 0)
        return [str(door.getsockname()) for door in ready]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    secret, marker = secrets.token_hex(16), f"marker-{secrets.token_hex(8)}"
    folder = tmp_path_factory.mktemp("w")
    folder.chmod(0o777)
    (folder / "secret").write_text(secret)
    with ExitStack() as stack:
        loopback = stack.enter_context(socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True))
        doors = [loopback]
        for name in (f"\0{marker}", str(folder / "door")):
            door = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            door.bind(name)
            door.listen()
            doors.append(door)
        victim = stack.enter_context(subprocess.Popen(["sleep", "100000"]))
        try:
            yield World(secret, marker, folder, loopback.getsockname()[1], tuple(doors), victim)
        finally:
            victim.kill()


def strangers() -> dict[int, str]:
    """All processes in another PID namespace than this one, by their number."""
    own = Path("/proc/self/ns/pid").readlink()
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            space = (process / "ns" / "pid").readlink()
            if space != own:
                found[int(process.name)] = str(space)
    return found


def ends(pid: int) -> bool:
    """Wait until a process has ended; False if it does not."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], PATIENCE_S)[0])
    finally:
        os.close(watched)
