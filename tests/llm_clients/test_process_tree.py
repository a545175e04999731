"""CPU time of processes that come and go: nothing is lost, and nothing counts twice."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from llm_clients.process_tree import ProcessTree, _Spent, _Times
from llm_clients.servers import UnseenServerError

BEGAN = 1000.0


@dataclass(frozen=True)
class Process:
    """Stands in for psutil's: known by its name and when it began."""

    name: str
    began: float = BEGAN + 1

    def create_time(self) -> float:
        return self.began


ROOT = Process("root", BEGAN - 100)
CHILD, GRANDCHILD, OLD = Process("child"), Process("grandchild"), Process("old", BEGAN - 50)


def totals(*readings: Mapping[Any, tuple[float, float]]) -> list[float]:
    """What each reading gives, each process with its own time and that of the children it has waited for."""
    spent = _Spent(BEGAN)
    return [spent.take({process: _Times(*times) for process, times in reading.items()}) for reading in readings]


def test_what_was_spent_before_the_first_look_does_not_count() -> None:
    assert totals({ROOT: (50.0, 9.0), OLD: (3.0, 0.0)}, {ROOT: (51.0, 9.0), OLD: (3.5, 0.0)}) == [0.0, 1.5]


def test_a_child_that_appears_counts_from_its_beginning() -> None:
    assert totals({ROOT: (5.0, 0.0)}, {ROOT: (5.0, 0.0), CHILD: (2.0, 0.0)}) == [0.0, 2.0]


def test_an_old_process_that_the_first_look_missed_counts_from_when_it_is_seen() -> None:
    readings = {ROOT: (5.0, 0.0)}, {ROOT: (5.0, 0.0), OLD: (80.0, 0.0)}, {ROOT: (5.0, 0.0), OLD: (81.0, 0.0)}
    assert totals(*readings) == [0.0, 0.0, 1.0]


def test_a_child_that_ends_counts_once_with_its_last_moments() -> None:
    """The child was seen at 2 s and spent 3 s in all."""
    assert totals({ROOT: (0.0, 7.0)}, {ROOT: (0.0, 7.0), CHILD: (2.0, 0.0)}, {ROOT: (0.0, 10.0)}) == [0.0, 2.0, 3.0]


def test_a_child_that_no_look_saw_counts() -> None:
    assert totals({ROOT: (0.0, 0.0)}, {ROOT: (1.0, 0.4)}) == [0.0, pytest.approx(1.4)]


def test_what_a_child_had_reaped_itself_does_not_count_again() -> None:
    readings = (
        {ROOT: (0.0, 0.0), CHILD: (1.0, 0.0), GRANDCHILD: (4.0, 0.0)},
        {ROOT: (0.0, 0.0), CHILD: (1.0, 4.0)},
        {ROOT: (0.0, 5.5)},
    )
    assert totals({ROOT: (0.0, 0.0)}, *readings) == [0.0, 5.0, 5.0, 5.5]


def test_a_child_that_is_reaped_between_two_readings_counts_once() -> None:
    """The root was read before it had waited for the child, which was gone when its turn came."""
    readings = {ROOT: (0.0, 0.0), CHILD: (2.0, 0.0)}, {ROOT: (0.0, 0.0)}, {ROOT: (0.0, 2.5)}, {ROOT: (1.0, 2.5)}
    assert totals({ROOT: (0.0, 0.0)}, *readings) == [0.0, 2.0, 2.0, 2.5, 3.5]


def test_a_child_that_nobody_waits_for_keeps_what_it_was_seen_with() -> None:
    readings = {ROOT: (0.0, 0.0), CHILD: (2.0, 0.0)}, {ROOT: (0.5, 0.0)}, {ROOT: (1.0, 0.0)}
    assert totals({ROOT: (0.0, 0.0)}, *readings) == [0.0, 2.0, 2.5, 3.0]


FORKS = """
import os, sys, time
def spin(seconds):
    while time.process_time() < seconds: pass
for line in sys.stdin:
    for _ in range(int(line)):
        child = os.fork()
        if child == 0:
            spin(0.02)
            os._exit(0)
        os.waitpid(child, 0)
    print(os.times().children_user + os.times().children_system, flush=True)
"""


def test_children_that_live_shorter_than_the_time_between_two_looks_are_counted_by_the_kernel() -> None:
    """A child's clock begins at zero, so each spends 20 ms, in jiffies of 10 ms."""
    command = [sys.executable, "-c", FORKS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        tree = ProcessTree(process.pid)
        first = tree.look()
        process.stdin.write("20\n")
        process.stdin.flush()
        reaped = float(process.stdout.readline())
        last = tree.look()
        process.stdin.close()
    assert reaped >= 0.3
    assert first.cpu_s == 0
    assert last.cpu_s >= 0.95 * reaped
    assert last.pids == {process.pid}


def test_a_process_that_has_ended_is_no_server_any_more() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        tree = ProcessTree(process.pid)
        assert tree.look().memory_bytes > 0
        process.kill()
        process.wait()
        assert not tree.is_running
        with pytest.raises(UnseenServerError, match="has ended"):
            tree.look()
    with pytest.raises(UnseenServerError, match=f"no process {process.pid}"):
        ProcessTree(process.pid)


def test_a_process_that_nobody_has_waited_for_has_ended_all_the_same() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        tree = ProcessTree(process.pid)
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
        assert not tree.is_running
        with pytest.raises(UnseenServerError, match="has ended"):
            tree.look()
