"""A node of a Ray cluster killed under a running trial: the run goes on with what is left, to the same result."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil
import pytest

from tests.cli.launched import QUICK, ROOT, Launched, launch
from tracking.events import payloads_of
from tracking.kinds import DecisionKind, RunStatus
from tracking.payloads import Decision, Proposed, TrialStarted, Winner
from tracking.reader import read_ledger
from tracking.runs import RunDirs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

VICTIM = 2
CONNECTION = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")


@dataclass(frozen=True)
class SmallCluster:
    """A head without CPUs and two nodes with one CPU each, in their own processes: see `small_cluster.py`.

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


@pytest.fixture(scope="module")
def cluster() -> Iterator[SmallCluster]:
    with tempfile.TemporaryDirectory(prefix="esp-", ignore_cleanup_errors=True) as scratch:
        (Path(scratch) / "ray").mkdir()
        variables = {name: os.environ[name] for name in CONNECTION} | {"RAY_TMPDIR": scratch}
        with subprocess.Popen(
            [sys.executable, "-m", "tests.cli.small_cluster"],
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


@pytest.fixture(scope="module")
def bereft(cluster: SmallCluster, tmp_path_factory: pytest.TempPathFactory) -> Launched:
    """The run of `whole` on the cluster, where the node of trial 2 dies after the trial's first rung."""
    folder = tmp_path_factory.mktemp("bereft")

    def strike(line: str) -> bool:
        if line.startswith("halted "):
            events = read_ledger(RunDirs(folder / "runs").resolve("latest").ledger)
            cluster.kill_node_of(next(s.pid for s in payloads_of(events, TrialStarted) if s.trial == VICTIM))
            os.kill(int(line.split()[1]), signal.SIGCONT)
        return False

    return launch(
        folder,
        *(*QUICK, "--workers", "2", "--finetune-workers", "1", "--no-mlflow"),
        *("--ray-address", cluster.address),
        halt_at={"before": False, "kind": "rung", "trial": VICTIM, "rung": 0},
        interrupt_at=strike,
        variables=cluster.variables,
    )


def test_the_run_goes_on_to_its_end(bereft: Launched) -> None:
    """The fine-tune, too, runs on the node that is left."""
    assert bereft.code == 0, bereft.output
    assert bereft.summary.status is RunStatus.FINISHED
    assert bereft.run.model.exists()


def test_the_trial_that_ran_there_runs_again(bereft: Launched) -> None:
    begun = Counter(record.trial for record in payloads_of(bereft.events, TrialStarted))
    assert begun[VICTIM] == 2, bereft.output
    decisions = payloads_of(bereft.events, Decision)
    again = [(record.trial, record.reason) for record in decisions if record.decision is DecisionKind.RETRIED]
    assert again == [(VICTIM, "the process of its trial actor died, so once more")]


def test_no_trial_is_lost_or_repeated_and_the_winner_is_that_of_an_undisturbed_run(
    whole: Launched, bereft: Launched
) -> None:
    assert payloads_of(bereft.events, Proposed) == payloads_of(whole.events, Proposed)
    assert bereft.ends == whole.ends
    assert payloads_of(bereft.events, Winner) == payloads_of(whole.events, Winner)
