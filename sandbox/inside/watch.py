"""What all processes of a run use together, read from /proc, and the limit that they passed."""

import os
import resource
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sandbox.inside.outcomes import LimitName, Outcome

_TICKS = os.sysconf("SC_CLK_TCK")
_SHARED = "/dev/shm"  # noqa: S108 - the sandbox's own
_MOST_FILES = 100_000


class Process(NamedTuple):
    """One process, as /proc/PID/stat has it."""

    pid: int
    parent: int
    threads: int
    cpu_s: float
    """User and system time, with that of the children it waited for."""


class Usage:
    """What a run has used.

    Attributes:
        cpu_s: processor seconds of all processes, ended ones included.
        peak_memory_bytes: the most memory seen at once: private and shared pages of all processes, and /dev/shm. A page
            that processes share counts in each.
        most_processes: the most threads and processes seen at once.
    """

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.peak_memory_bytes = self.most_processes = 0


class Watch:
    """Looks at the processes below this one, again and again.

    Args:
        limits: `wall_s`, `cpu_s`, `memory_bytes`, `processes`.
        disk: the folder whose file system is the run's own; None if it is not.
    """

    def __init__(self, limits: Mapping[str, Any], disk: str | None) -> None:
        self._limits, self._disk = limits, disk
        self.usage = Usage()
        self._started = time.monotonic()

    def start(self) -> None:
        """Begin to count time."""
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the program began."""
        return time.monotonic() - self._started

    def passed(self) -> tuple[Outcome, LimitName] | None:
        """Look once, and return the outcome and the limit if one was passed."""
        processes = list(descendants(os.getpid()))
        memory = self._measure(processes)
        if self.seconds >= self._limits["wall_s"]:
            return Outcome.TIMED_OUT, LimitName.WALL
        if self.usage.cpu_s >= self._limits["cpu_s"]:
            return Outcome.TIMED_OUT, LimitName.CPU
        if memory > self._limits["memory_bytes"]:
            return Outcome.OUT_OF_MEMORY, LimitName.MEMORY
        # The kernel refuses the next one: who has as many as the limit wanted more.
        if self.usage.most_processes >= self._limits["processes"]:
            return Outcome.TOO_MANY_PROCESSES, LimitName.PROCESSES
        if self._has_too_many_files():
            return Outcome.OUT_OF_DISK, LimitName.DISK
        return None

    def disk_is_full(self) -> bool:
        """Whether nothing more can be written."""
        return self._disk is not None and os.statvfs(self._disk).f_bavail == 0

    def _measure(self, processes: list[Process]) -> int:
        usage = self.usage
        # Looked at one after another, processes may end in between: what was used never becomes less.
        used = _ended_cpu_s() + sum(process.cpu_s for process in processes)
        usage.cpu_s = max(usage.cpu_s, used)
        usage.most_processes = max(usage.most_processes, sum(process.threads for process in processes))
        memory = _memory(processes) if self._disk is None else _memory(processes, _SHARED)
        usage.peak_memory_bytes = max(usage.peak_memory_bytes, memory)
        return memory

    def _has_too_many_files(self) -> bool:
        """Files cost memory of the kernel's, which no size of a file system limits."""
        if self._disk is None:
            return False
        return any(_files(place) > _MOST_FILES for place in (self._disk, _SHARED))


def descendants(root: int) -> Iterator[Process]:
    """Yield the processes below one, without it. In a PID namespace process 1 has all others below it."""
    found = [process for name in os.listdir("/proc") if name.isdigit() and (process := _read(int(name)))]
    below = {root}
    grown = True
    while grown:
        more = {process.pid for process in found if process.parent in below} - below
        below |= more
        grown = bool(more)
    return (process for process in found if process.pid in below and process.pid != root)


def _read(pid: int) -> Process | None:
    try:
        text = _content(f"/proc/{pid}/stat")
    except OSError:
        return None
    fields = text.rpartition(b")")[2].split()  # the name before it may hold anything
    ticks = sum(int(field) for field in fields[11:15])
    return Process(pid, int(fields[1]), int(fields[17]), ticks / _TICKS)


def _ended_cpu_s() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def _memory(processes: list[Process], shared_files: str | None = None) -> int:
    own = mapped = unmapped = 0
    for process in processes:
        sizes = _sizes(process.pid)
        own += sizes.get(b"RssAnon", 0)
        mapped += sizes.get(b"RssShmem", 0)
    if shared_files is not None:
        about = os.statvfs(shared_files)
        unmapped = (about.f_blocks - about.f_bfree) * about.f_frsize
    return own + max(mapped, unmapped)


def _sizes(pid: int) -> dict[bytes, int]:
    """The sizes in /proc/PID/status, in bytes; none of a process that has ended."""
    try:
        lines = _content(f"/proc/{pid}/status").splitlines()
    except OSError:
        return {}
    split = (line.split() for line in lines if line.endswith(b" kB"))
    return {name.rstrip(b":"): int(size) * 1024 for name, size, _ in split}


def _files(place: str) -> int:
    about = os.statvfs(place)
    return about.f_files - about.f_ffree


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
