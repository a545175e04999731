"""A search on four hosts with their own addresses, as a user types it: `ray up`, `ray submit`, `ray job submit`.

`make test-cluster` runs it, in namespaces of its own.
"""

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from llm_clients.scripted.script import Script
from llm_clients.scripted.server import ScriptedServer
from tests.cli.launched import endings
from tests.clusters.cluster import SEARCH, WAIT_S, Cluster, Run, assert_same, end_of
from tests.clusters.files import ROOT
from tests.clusters.hosts import ALLOWED, SHARED, USER, Host, eventually
from tracking.events import payloads_of
from tracking.kinds import DecisionKind
from tracking.payloads import Decision, LlmCall, TrialStarted
from tracking.reader import read_ledger
from tracking.runs import RunDirs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(ALLOWED not in os.environ, reason="hosts are made by `make test-cluster` only"),
]

ASKING = ("--trials", "3", "--epochs", "1", "--finetune-workers", "1", "--llm-per-call", "1", "--llm", "gpt-canary")
VICTIM = 2
CANARY = "sk-canary-0123456789abcdef"
PORT = 8265


def leaks_of(cluster: Cluster) -> list[str]:
    """Where the key is on hosts that are up: in environments, Ray's session folders, logs or runs."""
    there = f"test -d /tmp/ray/session_latest/logs && (grep -rlF {CANARY} /tmp /var/log {SHARED}; true)"
    found = []
    for host in cluster.hosts.values():
        if host.process.poll() is None:
            found += [f"process {number} on {host.name}" for number in host.environments_with(CANARY)]
            found += [f"{file} on {host.name}" for file in cluster.on(host, there).splitlines()]
    return found


@pytest.fixture(scope="module")
def keyed(cluster: Cluster) -> None:
    """Bring a file of keys to the head, as docs/cluster.md says."""
    keys = cluster.machines.folder / "keys"
    keys.write_text(f"OPENAI_API_KEY={CANARY}\n")
    keys.chmod(0o600)
    cluster.does("rsync-up", str(cluster.file), str(keys), "/root/.config/espalier/keys")


@dataclass(frozen=True)
class Bereft:
    """A search that was begun with `ray submit`, and in which a host died that ran a trial.

    Attributes:
        shown: what the terminal showed.
        leaks: where the key was found while trials ran, also on the host that died then.
    """

    shown: str
    leaks: list[str]


@pytest.fixture(scope="module")
def bereft(cluster: Cluster, keyed: None) -> Bereft:
    shown = cluster.machines.folder / "submit.log"
    process = cluster.begins(shown, "search", *SEARCH, "--runs", f"{SHARED}/submitted")
    victims: list[Host] = []

    def runs() -> bool:
        return bool(payloads_of(cluster.events("submitted"), TrialStarted)) or process.poll() is not None

    def strikes() -> bool:
        victims.extend(_worker_with_a_late_trial(cluster))
        return bool(victims) or process.poll() is not None

    eventually(runs, "a trial runs", WAIT_S)
    leaks = leaks_of(cluster)
    eventually(strikes, "a worker host runs a late trial", WAIT_S)
    assert victims, end_of(shown)
    victims[0].kill()
    code = process.wait(WAIT_S)
    assert code == 0, end_of(shown)
    return Bereft(shown.read_text(), leaks)


def _worker_with_a_late_trial(cluster: Cluster) -> Iterator[Host]:
    """The worker host on which a trial runs that is not one of the first."""
    for started, host in cluster.trials_that_run("submitted"):
        if started.trial >= VICTIM:
            yield host


@pytest.fixture(scope="module")
def checks(cluster: Cluster, keyed: None) -> dict[str, dict[str, str]]:
    return cluster.doctor()


def test_the_doctor_finds_the_cluster_well(checks: dict[str, dict[str, str]]) -> None:
    assert "4 nodes at" in checks["Ray"]["found"]
    for name in ("nodes", "versions", "disks", "shared folder", "clocks", "between nodes"):
        assert checks[name]["state"] == "ok", checks
    assert "eth0" in checks["between nodes"]["found"]


def test_the_keys_file_is_found_on_the_head(cluster: Cluster, checks: dict[str, dict[str, str]]) -> None:
    assert checks["LLM keys"]["found"] == "set: OPENAI_API_KEY"
    assert leaks_of(cluster) == []


def test_it_ends_where_a_search_on_one_machine_ends(cluster: Cluster, bereft: Bereft, alone: Run) -> None:
    assert_same(cluster.run("submitted"), alone)


def test_the_trial_of_the_lost_host_ran_again(cluster: Cluster, bereft: Bereft) -> None:
    again = [d for d in payloads_of(cluster.events("submitted"), Decision) if d.decision is DecisionKind.RETRIED]
    assert again, bereft.shown[-6000:]
    assert all(decision.trial is not None and decision.trial >= VICTIM for decision in again)


def test_trials_and_ranks_ran_on_several_hosts(cluster: Cluster, bereft: Bereft) -> None:
    actors = cluster.actors()
    recorded = {started.actor for started in payloads_of(cluster.events("submitted"), TrialStarted)}
    trials = {place for actor, _, place in actors if any(actor.startswith(each) for each in recorded)}
    assert len(trials) >= 2, actors
    ranks = {place for _, kind, place in actors if kind == "RayTrainWorker"}
    assert len(ranks) == 2, actors


def test_the_terminal_showed_the_search(bereft: Bereft, cluster: Cluster) -> None:
    assert "Ray: the cluster at auto, as RAY_ADDRESS says" in bereft.shown
    assert "trial" in bereft.shown
    assert f"{SHARED}/submitted" in bereft.shown


def test_the_results_come_back_with_one_command(cluster: Cluster, bereft: Bereft, tmp_path: Path) -> None:
    cluster.does("rsync-down", str(cluster.file), f"{SHARED}/submitted/", f"{tmp_path}/runs/")
    here = RunDirs(tmp_path / "runs").resolve("latest")
    assert endings(read_ledger(here.ledger)) == endings(cluster.events("submitted"))
    assert here.model.exists()


def test_a_key_is_used_and_is_found_nowhere(cluster: Cluster, bereft: Bereft) -> None:
    """The proposer's server is the user's machine, and takes no other key."""
    assert bereft.leaks == []
    rehearsal = json.loads((ROOT / "docs" / "rehearsal.json").read_text(encoding="utf-8"))
    answers = tuple({"strategies": [one]} for answer in rehearsal["answers"] for one in answer["strategies"])
    with ScriptedServer(Script(answers=answers, key=CANARY), host=USER) as server:
        asked = (*ASKING, "--llm-base-url", f"{server.url}/v1", "--llm-plain-http", "--no-mlflow")
        shown = cluster.machines.folder / "asked.log"
        process = cluster.begins(shown, "search", *asked, "--runs", f"{SHARED}/asked")
        leaks: list[str] = []

        def ends() -> bool:
            for host in cluster.hosts.values():
                if host.process.poll() is None:
                    leaks.extend(f"process {number} on {host.name}" for number in host.environments_with(CANARY))
            return process.poll() is not None

        eventually(ends, "a search that asks a model ends", WAIT_S)
        assert process.returncode == 0, end_of(shown)
        assert server.totals()["answers"] >= 2
    assert payloads_of(cluster.events("asked"), LlmCall)
    assert [*leaks, *leaks_of(cluster)] == []
    assert CANARY not in shown.read_text()


def test_a_submitted_job_ends_there_too_with_its_log_on_the_terminal(
    cluster: Cluster, bereft: Bereft, alone: Run
) -> None:
    """Through the dashboard on the head's loopback, which SSH brings here; on the hosts that are left."""
    with _dashboard(cluster):
        said = cluster.does(
            *("job", "submit", "--address", f"http://127.0.0.1:{PORT}", "--"),
            *("python", "launch.py", "search", *SEARCH, "--runs", f"{SHARED}/job"),
        )
    assert "the cluster at" in said, "RAY_ADDRESS is set in a job, and it is said which cluster is used"
    assert "trial" in said
    assert_same(cluster.run("job"), alone)


def test_a_node_without_the_shared_folder_is_found(cluster: Cluster, bereft: Bereft) -> None:
    left = cluster.workers[0]
    cluster.on(left, f"umount {SHARED}")
    check = cluster.doctor(code=2)["shared folder"]
    assert check["state"] == "failed"
    assert left.address in check["found"]


@contextlib.contextmanager
def _dashboard(cluster: Cluster) -> Iterator[None]:
    tunnel = subprocess.Popen(
        cluster.ray("dashboard", "--no-config-cache", "-p", str(PORT), str(cluster.file)),
        cwd=ROOT,
        env=cluster.variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def answers() -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", PORT), timeout=1).close()
            return True
        return False

    try:
        eventually(answers, "the dashboard's port is here", 60)
        yield
    finally:
        os.killpg(tunnel.pid, 15)
        tunnel.wait(30)
