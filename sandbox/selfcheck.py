"""The check that a sandbox has to pass before it runs a program: what must not get out or in, tried from the inside.

It runs once for each backend in a process. Each probe is a program that says what it could do; what it should have left
outside is looked for from outside.
"""

import contextlib
import json
import secrets
import socket
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from os import environ
from pathlib import Path

from sandbox.job import Job
from sandbox.limits import MIB, Limits
from sandbox.result import LimitName, Outcome, Result
from sandbox.runner import Sandbox

_LOOK = Limits(wall_s=30, cpu_s=10, memory_bytes=256 * MIB, disk_bytes=8 * MIB, processes=16)
_OUTLIVE = Limits(wall_s=1, cpu_s=10, memory_bytes=256 * MIB, disk_bytes=8 * MIB, processes=16)
_lock = threading.Lock()
_found: dict[str, tuple[str, ...]] = {}


@dataclass(frozen=True, slots=True)
class _World:
    """What is planted outside.

    Attributes:
        token: a secret in this process's environment, in a file, and on a port.
        folder: where nothing may be written.
        port: of a listener on loopback.
    """

    token: str
    folder: Path
    port: int


def checked(box: Sandbox) -> tuple[str, ...]:
    """What is wrong with a sandbox, in words; nothing if it keeps code in. Runs only once in a process."""
    with _lock:
        if box.name not in _found:
            _found[box.name] = examine(box)
        return _found[box.name]


def examine(box: Sandbox) -> tuple[str, ...]:
    """Run the probes, and return what is wrong."""
    with _planted() as world:
        looked = _probe(box, world, "look", _LOOK)
        faults = _of_look(looked)
        if any(world.folder.glob("written*")):
            faults.append("a program can write outside")
        if faults:
            return tuple(faults)  # what follows would harm a machine that is not protected
        faults += _of_forks(_probe(box, world, "forks", _LOOK))
        faults += _of_orphan(_probe(box, world, "orphan", _OUTLIVE), world)
    return tuple(faults)


@contextlib.contextmanager
def _planted() -> Iterator[_World]:
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="espalier-check-") as name, socket.create_server(("127.0.0.1", 0)) as door:
        folder = Path(name)
        folder.chmod(0o777)  # permissions of files are not what is tried here
        (folder / "secret").write_text(token)
        yield _World(token, folder, door.getsockname()[1])


def _probe(box: Sandbox, world: _World, name: str, limits: Limits) -> Result:
    code = files("sandbox").joinpath("probes", f"{name}.py").read_text(encoding="utf-8")
    job = Job(
        files={"solution.py": code},
        arguments=(world.token[::-1], str(world.folder), str(world.port)),
        limits=limits,
    )
    return box.run(job, {**environ, "ESPALIER_PLANTED_SECRET": world.token})


def _of_look(result: Result) -> list[str]:
    if not result.passed:
        return [f"a harmless program cannot run: {result.detail or result.outcome}"]
    try:
        found = json.loads(result.stdout)
    except ValueError:
        return ["a harmless program's output did not arrive"]
    return [str(fault) for fault in found]


def _of_forks(result: Result) -> list[str]:
    if result.outcome is Outcome.TOO_MANY_PROCESSES and result.limit is LimitName.PROCESSES:
        return []
    return [f"the limit of processes does not hold: a program that forks without end {result.outcome.value}"]


def _of_orphan(result: Result, world: _World) -> list[str]:
    if result.outcome is not Outcome.TIMED_OUT:
        return [f"the limit of time does not hold: a program that waits {result.outcome.value}"]
    return ["a program's process outlives it"] if _runs(world.token[::-1]) else []


def _runs(marker: str) -> bool:
    """Whether a process on this machine has the marker on its command line."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if marker.encode() in path.read_bytes():
                return True
    return False
