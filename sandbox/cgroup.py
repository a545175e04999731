"""A control group (cgroup v2) for a run, where this process may make one: the kernel then counts memory and tasks.

Where it may not, the supervisor's own looks are what limits memory.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.limits import MIB, Limits

_NEEDED = frozenset({"memory", "pids"})
_OWN_BYTES, _OWN_PROCESSES = 64 * MIB, 8
"""What supervisor and backend need beside the program's limits."""
_ENTER = 'echo $$ > "$0" && exec "$@"'


@dataclass(frozen=True, slots=True)
class Group:
    """One control group.

    Attributes:
        folder: where the kernel shows it.
    """

    folder: Path

    def entering(self, command: Sequence[str]) -> list[str]:
        """The command, begun inside the group: a process that is moved later leaves behind what it forked before."""
        return ["/bin/sh", "-c", _ENTER, str(self.folder / "cgroup.procs"), *command]

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel killed a process of the group for its memory."""
        try:
            lines = (self.folder / "memory.events").read_text().splitlines()
        except OSError:
            return False
        return any(line.startswith("oom_kill ") and line.split()[1] != "0" for line in lines)


@contextlib.contextmanager
def own_group(limits: Limits, root: Path | None = None) -> Iterator[Group | None]:
    """Make a group with the limits, and remove it at the end; None where that cannot be had.

    Args:
        limits: of the run.
        root: where cgroup v2 is mounted; None looks for it.
    """
    parent = _parent(root)
    group = _made(parent, limits) if parent else None
    try:
        yield group
    finally:
        if group:
            _remove(group.folder)


def _parent(root: Path | None) -> Path | None:
    """The nearest group around this process that may be written, and hands memory and tasks on to those below it."""
    mounted = root or _mounted()
    own = _own_path()
    if mounted is None or own is None:
        return None
    folder = mounted / own.lstrip("/")
    for place in (folder, *folder.parents):
        if not place.is_relative_to(mounted):
            return None
        with contextlib.suppress(OSError):
            handed_on = set((place / "cgroup.subtree_control").read_text().split())
            if handed_on >= _NEEDED and os.access(place, os.W_OK) and os.access(place / "cgroup.procs", os.W_OK):
                return place
    return None


def _made(parent: Path, limits: Limits) -> Group | None:
    folder = parent / f"espalier-{secrets.token_hex(8)}"
    values = {
        # Files of the run lie in memory too.
        "memory.max": limits.memory_bytes + limits.disk_bytes + _OWN_BYTES,
        "memory.swap.max": 0,
        "pids.max": limits.processes + _OWN_PROCESSES,
    }
    try:
        folder.mkdir()
        for name, value in values.items():
            if name != "memory.swap.max" or (folder / name).exists():
                (folder / name).write_text(str(value))
    except OSError:
        _remove(folder)
        return None
    return Group(folder)


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError):
        (folder / "cgroup.kill").write_text("1")
    with contextlib.suppress(OSError):
        folder.rmdir()


def _mounted() -> Path | None:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            if after.startswith("cgroup2 "):
                return Path(before.split()[4])
    return None


def _own_path() -> str | None:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::"):
                return line.removeprefix("0::")
    return None
