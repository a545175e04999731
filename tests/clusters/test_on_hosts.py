"""A search on three hosts with their own addresses, as a user types it: `ray up`, `ray submit`, `ray job submit`.

`make test-cluster` runs it, in namespaces of its own. What is up is clusters/onprem.yaml itself, with the addresses
and the key of the hosts, and with one CPU and a small object store for each.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from search.outcome.summary import Summary, read_summary
from tests.cli.launched import Ending, endings
from tests.clusters.files import ONPREM, ROOT, read
from tests.clusters.hosts import ALLOWED, SHARED, Host, Machines, eventually
from tracking.errors import TrackingError
from tracking.events import Event, payloads_of
from tracking.kinds import DecisionKind
from tracking.payloads import Decision, Proposed, TrialStarted, Winner
from tracking.reader import read_ledger
from tracking.runs import RunDirs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(ALLOWED not in os.environ, reason="hosts are made by `make test-cluster` only"),
]

SIZE = "--num-cpus=1 --num-gpus=0 --object-store-memory=150000000"
SEARCH = (
    "search",
    "--trials",
    "6",
    "--window",
    "4",
    "--epochs",
    "3",
    "--workers",
    "2",
    "--finetune-workers",
    "2",
    "--no-mlflow",
)
VICTIM = 2
CANARY = "sk-canary-0123456789abcdef"
PORT = 8265
WAIT_S = 900.0
"""Against tests that hang: on a busy machine a search takes many minutes."""
ACTORS = """
import json, ray
ray.init(address="auto", log_to_driver=False, logging_level="ERROR")
from ray.util.state import list_actors, list_nodes
where = {node.node_id: node.node_name for node in list_nodes(limit=100)}
found = [[a.actor_id, a.class_name, where.get(a.node_id, "")] for a in list_actors(limit=1000, detail=True)]
print("ACTORS " + json.dumps(found))
"""


@dataclass(frozen=True)
class Cluster:
    """A cluster that is up, seen from the user's machine.

    Attributes:
        file: its YAML.
        machines: which made its hosts.
        hosts: by name.
        variables: the environment of the user's commands.
    """

    file: Path
    machines: Machines
    hosts: dict[str, Host]
    variables: dict[str, str]

    def ray(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "ray.scripts.scripts", *words]

    def on(self, host: Host, command: str) -> str:
        """Run a command on a host, and return its output."""
        options = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")
        line = ["ssh", *options, "-i", str(self.machines.key), f"root@{host.address}", command]
        return subprocess.run(line, check=True, capture_output=True, text=True, timeout=WAIT_S).stdout

    def does(self, *words: str, code: int = 0) -> str:
        """Run a command of Ray's to its end, and return what it says."""
        done = subprocess.run(
            self.ray(*words), cwd=ROOT, env=self.variables, capture_output=True, text=True, timeout=WAIT_S, check=False
        )
        assert (done.returncode != 0) is (code != 0), f"{words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def events(self, runs: str) -> tuple[Event, ...]:
        """What the ledger of the newest run in a shared folder holds by now."""
        try:
            return read_ledger(RunDirs(self.machines.shared / runs).resolve("latest").ledger)
        except TrackingError:
            return ()

    def summary(self, runs: str) -> Summary:
        return read_summary(RunDirs(self.machines.shared / runs).resolve("latest").summary)

    def actors(self) -> list[tuple[str, str, str]]:
        """Id, class and address of all actors that there ever were."""
        script = self.machines.shared / "actors.py"
        script.write_text(ACTORS)
        said = self.does("exec", "--no-config-cache", str(self.file), f"python {SHARED}/actors.py")
        line = next(line for line in said.splitlines() if line.startswith("ACTORS "))
        return [(actor, kind, place) for actor, kind, place in json.loads(line.removeprefix("ACTORS "))]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, tuple[Event, ...]]:
    """The same search on one machine."""
    folder = tmp_path_factory.mktemp("alone")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    subprocess.run(
        [sys.executable, str(ROOT / "launch.py"), *SEARCH],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=WAIT_S,
    )
    run = RunDirs(folder / "runs").resolve("latest")
    return read_summary(run.summary), read_ledger(run.ledger)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three hosts, on which `ray up` has been run."""
    folder = tmp_path_factory.mktemp("hosts")
    machines = Machines(folder)
    with machines.running("head", "worker1", "worker2") as hosts:
        home = folder / "home"
        (home / "ray").mkdir(parents=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        variables = {
            **environment,
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "RAY_TMPDIR": str(home),
            "TMPDIR": str(home),
            "RAY_AUTH_MODE": "token",
            "RAY_UP_enable_autoscaler_v2": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        file = folder / "cluster.yaml"
        file.write_text(yaml.safe_dump(_described(hosts, machines.key, home)))
        up = Cluster(file, machines, hosts, variables)
        up.does("get-auth-token", "--generate")
        up.does("up", "-y", "--no-config-cache", str(file))
        eventually(lambda: _joined(up, len(hosts)), "every host is a node of the cluster", WAIT_S)
        yield up


def _described(hosts: dict[str, Host], key: Path, home: Path) -> dict[str, Any]:
    described = read(ONPREM)
    head, *workers = (host.address for host in hosts.values())
    described["provider"] |= {"head_ip": head, "worker_ips": workers}
    described["auth"] = {"ssh_user": "root", "ssh_private_key": str(key)}
    described["file_mounts"]["~/.ray/auth_token"] = str(home / ".ray" / "auth_token")
    # Without MLflow's server: a gigabyte that nothing here asks.
    described["head_setup_commands"] = [each for each in described["head_setup_commands"] if "mlflow.sh" not in each]
    for part in ("head_start_ray_commands", "worker_start_ray_commands"):
        described[part] = [command.replace("ray start", f"ray start {SIZE}", 1) for command in described[part]]
    return described


def _joined(cluster: Cluster, count: int) -> bool:
    """Whether so many nodes have joined, with one CPU each."""
    return f"/{count}.0 CPU" in cluster.does("exec", "--no-config-cache", str(cluster.file), "ray status")


@pytest.fixture(scope="module")
def bereft(cluster: Cluster) -> str:
    """`ray submit` of a search, in which a host dies that runs a trial. Returns what the terminal showed."""
    shown = cluster.machines.folder / "submit.log"
    command = ("submit", "--no-config-cache", str(cluster.file), "launch.py", "--", *SEARCH)
    with shown.open("w") as terminal:
        process = subprocess.Popen(
            cluster.ray(*command, "--runs", f"{SHARED}/submitted"),
            cwd=ROOT,
            env=cluster.variables,
            stdout=terminal,
            stderr=subprocess.STDOUT,
        )
        victims: list[Host] = []

        def strikes() -> bool:
            victims.extend(_worker_with_a_late_trial(cluster))
            return bool(victims) or process.poll() is not None

        eventually(strikes, "a worker host runs a trial", WAIT_S)
        assert victims, shown.read_text()
        victims[0].kill()
        code = process.wait(WAIT_S)
    assert code == 0, shown.read_text()
    return shown.read_text()


def _worker_with_a_late_trial(cluster: Cluster) -> Iterator[Host]:
    """The worker host on which a trial runs that is not one of the first."""
    events = cluster.events("submitted")
    for started in payloads_of(events, TrialStarted):
        if started.trial >= VICTIM and started.trial not in {trial for trial, *_ in endings(events)}:
            for name, host in cluster.hosts.items():
                if name != "head" and host.has(started.pid):
                    yield host
                    return


def test_the_doctor_finds_the_cluster_well(cluster: Cluster) -> None:
    checks = _doctor(cluster)
    assert "3 nodes at" in checks["Ray"]["found"]
    for name in ("nodes", "versions", "shared folder", "clocks", "between nodes"):
        assert checks[name]["state"] == "ok", checks
    assert "eth0" in checks["between nodes"]["found"]


def test_keys_reach_the_driver_and_nobody_else(cluster: Cluster) -> None:
    """They come by a file; no environment of a process, no log of Ray's and no file of a run has them."""
    keys = cluster.machines.folder / "keys"
    keys.write_text(f"OPENAI_API_KEY={CANARY}\n")
    keys.chmod(0o600)
    cluster.does("rsync-up", str(cluster.file), str(keys), "/root/.config/espalier/keys")
    assert _doctor(cluster)["LLM keys"]["found"] == "set: OPENAI_API_KEY"
    for host in cluster.hosts.values():
        assert not host.environments_with(CANARY)
        assert cluster.on(host, f"grep -rl {CANARY} /tmp {SHARED}; true") == ""


def test_it_ends_where_a_search_on_one_machine_ends(
    cluster: Cluster, bereft: str, alone: tuple[Summary, tuple[Event, ...]]
) -> None:
    _same(cluster, "submitted", alone)


def test_the_trial_of_the_lost_host_ran_again(cluster: Cluster, bereft: str) -> None:
    again = [d for d in payloads_of(cluster.events("submitted"), Decision) if d.decision is DecisionKind.RETRIED]
    assert again, bereft
    assert all(decision.trial is not None and decision.trial >= VICTIM for decision in again)


def test_trials_and_ranks_ran_on_several_hosts(cluster: Cluster, bereft: str) -> None:
    actors = cluster.actors()
    recorded = {started.actor for started in payloads_of(cluster.events("submitted"), TrialStarted)}
    trials = {place for actor, _, place in actors if any(actor.startswith(each) for each in recorded)}
    assert len(trials) >= 2, actors
    ranks = {place for _, kind, place in actors if kind == "RayTrainWorker"}
    assert len(ranks) == 2, actors


def test_the_terminal_showed_the_search(bereft: str, cluster: Cluster) -> None:
    assert "Ray: the cluster at auto, as RAY_ADDRESS says" in bereft
    assert "trial" in bereft
    assert f"{SHARED}/submitted" in bereft


def test_the_results_come_back_with_one_command(cluster: Cluster, bereft: str, tmp_path: Path) -> None:
    cluster.does("rsync-down", str(cluster.file), f"{SHARED}/submitted/", f"{tmp_path}/runs/")
    here = RunDirs(tmp_path / "runs").resolve("latest")
    assert endings(read_ledger(here.ledger)) == endings(cluster.events("submitted"))
    assert here.model.exists()


def test_a_submitted_job_ends_there_too_with_its_log_on_the_terminal(
    cluster: Cluster, bereft: str, alone: tuple[Summary, tuple[Event, ...]]
) -> None:
    """Through the dashboard on the head's loopback, which SSH brings here; on the hosts that are left."""
    with _dashboard(cluster):
        said = cluster.does(
            *("job", "submit", "--address", f"http://127.0.0.1:{PORT}", "--"),
            *("python", "launch.py", *SEARCH, "--runs", f"{SHARED}/job"),
        )
    assert "the cluster at" in said, "RAY_ADDRESS is set in a job, and it is said which cluster is used"
    assert "trial" in said
    _same(cluster, "job", alone)


def test_a_node_without_the_shared_folder_is_found(cluster: Cluster, bereft: str) -> None:
    (left,) = (host for name, host in cluster.hosts.items() if name != "head" and host.process.poll() is None)
    cluster.on(left, f"umount {SHARED}")
    check = _doctor(cluster, code=2)["shared folder"]
    assert check["state"] == "failed"
    assert left.address in check["found"]


def _doctor(cluster: Cluster, code: int = 0) -> dict[str, dict[str, str]]:
    words = ("launch.py", "--", "doctor", "--runs", f"{SHARED}/runs", "--json")
    said = cluster.does("submit", "--no-config-cache", str(cluster.file), *words, code=code)
    document, _ = json.JSONDecoder().raw_decode(said[said.index('{"state"') :].replace("\r", ""))
    return {check["name"]: check for check in document["checks"]}


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


def _same(cluster: Cluster, runs: str, alone: tuple[Summary, tuple[Event, ...]]) -> None:
    """Same proposals, same scores, same winner, same accuracy of the fine-tuned model."""
    summary, events = alone
    there = cluster.events(runs)
    assert payloads_of(there, Proposed) == payloads_of(events, Proposed)
    ends: list[Ending] = endings(there)
    assert ends == endings(events)
    assert payloads_of(there, Winner) == payloads_of(events, Winner)
    chosen, expected = cluster.summary(runs).winner, summary.winner
    assert chosen is not None
    assert expected is not None
    unlike = {"latency_ms"}
    assert chosen.model_dump(exclude=unlike) == expected.model_dump(exclude=unlike)
