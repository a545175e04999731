"""A small Ray cluster in processes of its own, for launched commands that are to share one or to lose a part of one."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from tests.cli.launched import ROOT

CONNECTION = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")


@dataclass(frozen=True)
class SmallCluster:
    """A head and nodes with one CPU each, in their own processes: see `small_cluster.py`.

    Attributes:
        address: for drivers.
        nodes: process id of each node's raylet, the parent of all processes there.
        variables: environment variables that a driver needs to connect.
        orders: its standard input.
        answers: its standard output.
    """

    address: str
    nodes: list[int]
    variables: dict[str, str]
    orders: IO[str]
    answers: IO[str]

    def kill_node_of(self, process: int) -> None:
        """Kill the node that a process runs on, and wait until it is dead."""
        self.orders.write(f"{self.nodes.index(psutil.Process(process).ppid())}\n")
        self.orders.flush()
        assert self.answers.readline() == "dead\n"


@contextlib.contextmanager
def running_cluster(*, head_cpus: int, nodes: int) -> Iterator[SmallCluster]:
    """Start a cluster, and end it with the block.

    Args:
        head_cpus: CPUs of the head.
        nodes: how many nodes with one CPU there are beside it.

    Yields:
        The cluster, once it can be connected to.
    """
    with tempfile.TemporaryDirectory(prefix="esp-", ignore_cleanup_errors=True) as scratch:
        (Path(scratch) / "ray").mkdir()
        variables = {name: os.environ[name] for name in CONNECTION} | {"RAY_TMPDIR": scratch}
        with subprocess.Popen(
            [sys.executable, "-m", "tests.cli.small_cluster", str(head_cpus), str(nodes)],
            cwd=ROOT,
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            started = json.loads(process.stdout.readline())
            yield SmallCluster(started["address"], started["nodes"], variables, process.stdin, process.stdout)
            process.stdin.close()  # ends it
