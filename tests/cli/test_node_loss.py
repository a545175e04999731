"""A node of a Ray cluster killed under a running trial: the run goes on with what is left, to the same result."""

import os
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.cli.cluster import SmallCluster, running_cluster
from tests.cli.launched import QUICK, Launched, launch
from tracking.events import payloads_of
from tracking.kinds import DecisionKind, RunStatus
from tracking.payloads import Decision, Proposed, TrialStarted, Winner
from tracking.reader import read_ledger
from tracking.runs import RunDirs

pytestmark = pytest.mark.slow

VICTIM = 2


@pytest.fixture(scope="module")
def cluster() -> Iterator[SmallCluster]:
    with running_cluster(head_cpus=0, nodes=2) as cluster:
        yield cluster


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
