"""CPU time and memory of a process with all its descendants, while they come and go."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from llm_clients.servers import UnseenServerError


@dataclass(frozen=True, slots=True)
class Look:
    """The tree at one moment.

    Attributes:
        at_s: when CPU time was read, by `time.monotonic`.
        cpu_s: user and system time of all processes since the first look, those that have ended included.
        memory_bytes: the resident sets; a page that processes share counts for each of them.
        pids: the processes.
    """

    at_s: float
    cpu_s: float
    memory_bytes: int
    pids: frozenset[int]


class ProcessTree:
    """A process and its descendants (Ollama's runners are children). Not to be used by two threads at once."""

    def __init__(self, pid: int) -> None:
        """Find the process.

        Raises:
            UnseenServerError: there is none of this number.
        """
        try:
            self._root = psutil.Process(pid)
        except psutil.NoSuchProcess:
            raise UnseenServerError(f"there is no process {pid}") from None
        self._known: dict[int, psutil.Process] = {pid: self._root}
        self._spent = _Spent(began=time.time())

    @property
    def pid(self) -> int:
        """The number of the process."""
        return int(self._root.pid)

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended; another one of its number is not it."""
        return bool(self._root.is_running()) and not _is_dead(self._root)

    def look(self) -> Look:
        """Read all processes.

        Raises:
            UnseenServerError: the process has ended, or this system does not let this user look at it.
        """
        times: dict[psutil.Process, _Times] = {}
        memory = 0
        self._find()
        at_s = time.monotonic()
        for pid, process in list(self._known.items()):
            try:
                if not process.is_running():
                    raise psutil.NoSuchProcess(pid)
                times[process] = _times(process)
                memory += process.memory_info().rss
            except psutil.NoSuchProcess:  # which a zombie is too, where its memory is asked for
                if process not in times:
                    del self._known[pid]
            except psutil.AccessDenied:
                raise UnseenServerError(f"this user may not look at process {pid}") from None
        if self._root not in times or self._root.pid not in self._known or _is_dead(self._root):
            raise UnseenServerError(f"the server's process {self._root.pid} has ended")
        return Look(at_s, self._spent.take(times), memory, frozenset(self._known))

    def _find(self) -> None:
        """Add new descendants, each behind its parent; who has lost its parent stays."""
        row = list(self._known)
        while row:
            for child in _children(row.pop()):
                if child not in self._known:
                    try:
                        self._known[child] = psutil.Process(child)
                    except psutil.NoSuchProcess:
                        continue
                    row.append(child)


@dataclass(frozen=True, slots=True)
class _Times:
    """CPU seconds of a process, and of the children that it has waited for."""

    own: float
    reaped: float


class _Spent:
    """Adds up CPU time without losing what ended processes took.

    A process that ends takes its own time out of sight, and its parent's account of reaped children grows by all of
    it: also by what was spent since the last look, and by children that no look has seen. What the account grows by
    beyond what was counted already is therefore added. Parents must be read before children: otherwise a child that is
    reaped between the two readings would count twice.
    """

    def __init__(self, began: float) -> None:
        self._began = began
        self._last: dict[psutil.Process, _Times] = {}
        self._counted_already = 0.0
        self._total = 0.0
        self._first = True

    def take(self, now: Mapping[psutil.Process, _Times]) -> float:
        """The total after this reading."""
        grown = reaped = 0.0
        for process, times in now.items():
            before = self._last.get(process) or (times if self._is_older(process) else _Times(0.0, 0.0))
            grown += times.own - before.own
            reaped += times.reaped - before.reaped
        gone = sum(times.own + times.reaped for process, times in self._last.items() if process not in now)
        unclaimed = self._counted_already + gone - reaped
        self._counted_already = max(unclaimed, 0.0)
        self._total += max(grown, 0.0) + max(-unclaimed, 0.0)
        self._last, self._first = dict(now), False
        return self._total

    def _is_older(self, process: psutil.Process) -> bool:
        """Whether a process that appears was there before, so that what it has spent so far does not count."""
        return self._first or float(process.create_time()) < self._began - _CREATION_SLACK_S


_CREATION_SLACK_S = 0.05
_LINUX = sys.platform == "linux"


def _times(process: psutil.Process) -> _Times:
    times = process.cpu_times()
    reaped = times.children_user + times.children_system
    return _Times(_precise(process.pid) or times.user + times.system, reaped)


def _precise(pid: int) -> float | None:
    """CPU seconds by the process's own clock, to the nanosecond; /proc counts in hundredths. None where there is none.

    The number of the clock is the one of Linux' `clock_getcpuclockid(3)`.
    """
    if not _LINUX:
        return None
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return None


def _is_dead(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _children(pid: int) -> list[int]:
    if _LISTS_CHILDREN:
        return _listed_children(pid)
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []


def _listed_children(pid: int) -> list[int]:
    """What the kernel lists for each thread: psutil reads all processes of the machine instead."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except OSError:  # the thread has ended, and its children belong to another
            continue
    return found


_LISTS_CHILDREN = Path("/proc/thread-self/children").exists()
