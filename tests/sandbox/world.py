"""A world outside, with everything in it that hostile programs try to reach, and a look at what they did to it."""

import contextlib
import os
import secrets
import select
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sandbox.backends.base import FIRST_USER
from sandbox.result import Result
from sandbox.runner import Sandbox
from tests.sandbox.hostile import Hostile

_PATIENCE_S = 20.0
_PLANTED = {"secret", "door"}


@dataclass(frozen=True)
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

    def run(self, box: Sandbox, hostile: Hostile) -> tuple[Result, list[str]]:
        """Run a program, and return how it ended and what it did outside, which must be nothing."""
        strangers, mounts = _strangers(), _mounts()
        job = hostile.job(port=self.port, folder=self.folder, pid=self.victim.pid, marker=self.marker)
        result = box.run(job, {**os.environ, "PLANTED_SECRET": self.secret})
        found = {
            "it says that it escaped": "ESCAPED" in result.stdout,
            "it saw the secret": self.secret in f"{result}",
            "what was collected is no file of its own": result.files != {},
            "it reached a listener": bool(select.select(self.doors, [], [], 0)[0]),
            "it ended a process outside": self.victim.poll() is not None,
            "it wrote outside": {path.name for path in self.folder.iterdir()} != _PLANTED,
            "it left a mount": _mounts() != mounts,
            "it left files": any(_of_sandboxes()),
            "it left processes": not all(_ends(pid) for pid in _ours(_strangers() - strangers)),
        }
        return result, [what for what, is_so in found.items() if is_so]


@contextlib.contextmanager
def planted() -> Iterator[World]:
    """Plant it all, and remove it at the end."""
    secret, marker = secrets.token_hex(16), f"marker-{secrets.token_hex(8)}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="esp-world-")))
        folder.chmod(0o777)
        (folder / "secret").write_text(secret)
        loopback = stack.enter_context(socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True))
        doors = [loopback]
        for name in (f"\0{marker}", str(folder / "door")):
            door = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            door.bind(name)
            door.listen()
            doors.append(door)
        victim = stack.enter_context(subprocess.Popen(["sleep", "100000"]))
        stack.callback(victim.kill)
        yield World(secret, marker, folder, loopback.getsockname()[1], tuple(doors), victim)


def _strangers() -> set[int]:
    """The processes in another PID namespace than this one."""
    own = Path("/proc/self/ns/pid").readlink()
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "ns" / "pid").readlink() != own:
                found.add(int(process.name))
    return found


def _mounts() -> str:
    return Path("/proc/self/mounts").read_text()


def _ours(strangers: set[int]) -> set[int]:
    """Those of the strangers that this process's runs started: below it, or below nobody any more."""
    found = set()
    for stranger in strangers:
        pid = stranger
        while pid > 1 and (pid in strangers or _status(pid, "Name") == "bwrap"):
            pid = int(_status(pid, "PPid") or 1)
        if pid in (1, os.getpid()):
            found.add(stranger)
    return found


def _status(pid: int, name: str) -> str:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return line.partition(":")[2].strip()
    return ""


def _of_sandboxes() -> Iterator[Path]:
    """Files in folders that all may write which belong to a user that only sandboxes have."""
    for folder in map(Path, (tempfile.gettempdir(), "/dev/shm", "/var/tmp")):  # noqa: S108 - they are looked at
        for path in folder.iterdir():
            with contextlib.suppress(OSError):
                if path.lstat().st_uid >= FIRST_USER:
                    yield path


def _ends(pid: int) -> bool:
    """Wait until a process has ended; False if it does not."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], _PATIENCE_S)[0])
    finally:
        os.close(watched)
