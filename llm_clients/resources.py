"""Resources that a model server on this machine uses while it answers. What cannot be measured is null."""

from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from urllib.parse import urlsplit

import psutil

SAMPLE_EVERY_S = 0.1
"""Seconds between two samples of memory and processes. CPU time is counted by the kernel, not sampled."""


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
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._cpu_before: dict[int, float] = {}
        self._cpu_now: dict[int, float] = {}
        self._rss: list[int] = []
        self._gpu: list[int] = []
        self._processes = 0

    def start(self) -> None:
        """Take a first sample, and go on in a thread."""
        if self._pid is not None:
            self._began = time.monotonic()
            self._look()
            self._cpu_before = dict(self._cpu_now)
            self._thread.start()

    def stop(self) -> None:
        """End the thread, and take a last sample."""
        if self._pid is not None:
            self._stop.set()
            self._thread.join()
            self._look()
            self._wall_s = time.monotonic() - self._began

    def result(self) -> dict[str, float | None] | None:
        """The measurements in seconds and bytes, None when there are none.

        `cpu_s` counts user and system time of all processes seen, from zero for those that started during the call.
        GPU memory is what the driver lists for these processes.
        """
        if self._pid is None or not self._rss:
            return None
        cpu_s = sum(now - self._cpu_before.get(pid, 0.0) for pid, now in self._cpu_now.items())
        return {
            "cpu_s": cpu_s,
            "rss_peak_bytes": float(max(self._rss)),
            "rss_mean_bytes": sum(self._rss) / len(self._rss),
            "gpu_memory_peak_bytes": float(max(self._gpu)) if self._gpu else None,
            "processes": float(self._processes),
            "samples": float(len(self._rss)),
            "wall_s": self._wall_s,
        }

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_EVERY_S):
            self._look()

    def _look(self) -> None:
        members = _tree(self._pid)
        resident = 0
        for process in members:
            try:
                times = process.cpu_times()
                resident += process.memory_info().rss
            except psutil.Error:
                continue  # it has ended, or may not be inspected
            self._cpu_now[process.pid] = times.user + times.system
        if members:
            self._rss.append(resident)
            self._processes = max(self._processes, len(members))
            gpu = _gpu_memory({process.pid for process in members})
            if gpu is not None:
                self._gpu.append(gpu)


def local_server(endpoint: str | None) -> ServerProcesses:
    """The processes behind an endpoint, if it is on this machine and outside this process; otherwise none."""
    port = None if endpoint is None else _local_port(endpoint)
    return ServerProcesses(None if port is None else _listener(port))


def is_local(endpoint: str) -> bool:
    """Whether an endpoint has a loopback address, and so is on this machine."""
    return _local_port(endpoint) is not None


def _local_port(endpoint: str) -> int | None:
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return None  # a name that needs a lookup is not taken for this machine
    local = (
        address.is_loopback or address.is_unspecified
    )  # OLLAMA_HOST is often the address that the server binds: 0.0.0.0
    return (parts.port or (443 if parts.scheme == "https" else 80)) if local else None


def _listener(port: int) -> int | None:
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return None
    pids = {c.pid for c in connections if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port}
    pid = next((pid for pid in pids if pid is not None), None)
    return None if pid == os.getpid() else pid


def _tree(pid: int | None) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _gpu_memory(pids: set[int]) -> int | None:
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


def _mebibytes(table: str, pids: set[int]) -> int | None:
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
