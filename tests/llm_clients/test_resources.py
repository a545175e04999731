"""What is measured for a local server, and what is null."""

from __future__ import annotations

import subprocess
import sys

import pytest

from llm_clients import resources
from llm_clients.resources import ServerProcesses, local_server
from llm_clients.scripted.script import Script
from llm_clients.scripted.server import ScriptedServer

BUSY = """
import socket, subprocess, sys
server = socket.create_server(("127.0.0.1", 0))
child = subprocess.Popen([sys.executable, "-c", "input(); sum(range(8_000_000)); print('done', flush=True); input()"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
print(server.getsockname()[1], flush=True)
input()
child.stdin.write("\\n"); child.stdin.flush()
print(child.stdout.readline(), flush=True)
input()
child.kill()
"""


def test_the_whole_process_tree_is_measured_during_the_call() -> None:
    command = [sys.executable, "-c", BUSY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            with local_server(f"http://127.0.0.1:{port}/v1").sampled() as sample:
                server.stdin.write("\n")
                server.stdin.flush()
                server.stdout.readline()  # the child has done its sum
            used = sample.result()
        finally:
            server.kill()
    assert used is not None
    assert used["processes"] == 2
    assert (used["cpu_s"] or 0) > 0.02  # spent by the child, not by the process that listens
    assert (used["rss_peak_bytes"] or 0) >= (used["rss_mean_bytes"] or 0) > 5e6
    assert (used["wall_s"] or 0) > 0


@pytest.mark.parametrize("endpoint", [None, "https://api.openai.com/v1", "http://10.1.2.3:8000", "http://127.0.0.1:1"])
def test_what_is_not_here_is_null(endpoint: str | None) -> None:
    with local_server(endpoint).sampled() as sample:
        pass
    assert sample.result() is None


def test_a_server_in_this_process_is_not_mistaken_for_one_of_its_own() -> None:
    with ScriptedServer(Script(answers=(1,))) as server, local_server(server.url).sampled() as sample:
        pass
    assert sample.result() is None


def test_a_process_that_is_gone_is_null() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    with ServerProcesses(process.pid).sampled() as sample:
        pass
    assert sample.result() is None


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("11, 100\n12, 50\n99, 7\n", 150 * 2**20),
        ("99, 7\n", None),
        ("11, [N/A]\n12, 50\n", None),
        ("", None),
    ],
)
def test_gpu_memory_is_summed_over_the_tree_or_null(table: str, expected: int | None) -> None:
    assert resources._mebibytes(table, {11, 12}) == expected
