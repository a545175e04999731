"""Resources that a model server on this machine uses while it answers. What cannot be measured is null."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Set
from contextlib import contextmanager
from functools import cache

from llm_clients.process_tree import Look, ProcessTree
from llm_clients.servers import UnseenServerError, server_process

SAMPLE_EVERY_S = 0.1
"""Seconds between two samples."""


class ServerProcesses:
    """The process that listens on an endpoint's port, with all its descendants (Ollama's runners are children)."""

    def __init__(self, pid: int | None) -> None:
        self._pid = pid

    @contextmanager
    def sampled(self) -> Iterator[Sample]:
        """Sample while the body runs.

        Yields:
            The sample; its `result` is None when no such process can be seen.
        """
        sample = Sample(self._pid)
        sample.start()
        try:
            yield sample
        finally:
            sample.stop()


class Sample:
    """Measurements of one call."""

    def __init__(self, pid: int | None) -> None:
        self._pid = pid
        self._tree: ProcessTree | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._looks: list[Look] = []
        self._gpu: list[int] = []

    def start(self) -> None:
        """Take a first sample, and go on in a thread."""
        if self._pid is None:
            return
        self._began = time.monotonic()
        try:
            self._tree = ProcessTree(self._pid)
        except UnseenServerError:
            return
        self._look()
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and take a last sample."""
        if self._tree is not None:
            self._stop.set()
            self._thread.join()
            self._look()
            self._wall_s = time.monotonic() - self._began

    def result(self) -> dict[str, float | None] | None:
        """The measurements in seconds and bytes, None when there are none.

        `cpu_s` counts user and system time of all processes, those that ended during the call included. GPU memory is
        what the driver lists for these processes.
        """
        if not self._looks:
            return None
        memory = [look.memory_bytes for look in self._looks]
        return {
            "cpu_s": self._looks[-1].cpu_s,
            "rss_peak_bytes": float(max(memory)),
            "rss_mean_bytes": sum(memory) / len(memory),
            "gpu_memory_peak_bytes": float(max(self._gpu)) if self._gpu else None,
            "processes": float(max(len(look.pids) for look in self._looks)),
            "samples": float(len(memory)),
            "wall_s": self._wall_s,
        }

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_EVERY_S):
            self._look()

    def _look(self) -> None:
        assert self._tree is not None, "there is nothing to look at"
        try:
            look = self._tree.look()
        except UnseenServerError:
            return  # it has ended: what was seen remains
        self._looks.append(look)
        gpu = _gpu_memory(look.pids)
        if gpu is not None:
            self._gpu.append(gpu)


def local_server(endpoint: str | None) -> ServerProcesses:
    """The processes behind an endpoint, if it is on this machine and outside this process; otherwise none."""
    try:
        return ServerProcesses(server_process(endpoint))
    except UnseenServerError:
        return ServerProcesses(None)


def _gpu_memory(pids: Set[int]) -> int | None:
    """Bytes that the driver attributes to the processes; None if no driver reports them."""
    tool = _nvidia_smi()
    if tool is None:
        return None
    query = [tool, "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]
    try:
        listed = subprocess.run(query, capture_output=True, text=True, timeout=5, check=True)  # noqa: S603 - fixed arguments
    except (OSError, subprocess.SubprocessError):
        return None
    return _mebibytes(listed.stdout, pids)


def _mebibytes(table: str, pids: Set[int]) -> int | None:
    """The sum, in bytes, of the rows `pid, MiB` of these processes; None if there is none or one without a number."""
    found = []
    for row in table.splitlines():
        pid, _, memory = row.partition(",")
        if pid.strip().isdigit() and int(pid) in pids:
            if not memory.strip().isdigit():
                return None
            found.append(int(memory) * 2**20)
    return sum(found) if found else None


@cache
def _nvidia_smi() -> str | None:
    return shutil.which("nvidia-smi")
