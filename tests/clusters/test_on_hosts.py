"""A search on four hosts with their own addresses, as a user types it: `ray up`, `ray submit`, `ray job submit`.

`make test-cluster` runs it, in namespaces of its own. What is up is clusters/onprem.yaml itself, with the addresses
and the key of the hosts, and with one CPU and a small object store for each; the head has no CPU for trials, so that
every trial is on a host that may die.
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

from llm_clients.scripted.script import Script
from llm_clients.scripted.server import ScriptedServer
from search.outcome.summary import Summary, read_summary
from tests.cli.launched import Ending, endings
from tests.clusters.files import ONPREM, ROOT, read
from tests.clusters.hosts import ALLOWED, SHARED, USER, Host, Machines, eventually
from tracking.errors import TrackingError
from tracking.events import Event, payloads_of
from tracking.kinds import DecisionKind
from tracking.payloads import Decision, LlmCall, Proposed, TrialStarted, Winner
from tracking.reader import read_ledger, read_whole_lines
from tracking.runs import RunDirs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(ALLOWED not in os.environ, reason="hosts are made by `make test-cluster` only"),
]

SIZE = "--num-gpus=0 --object-store-memory=150000000"
UNWATCHED = "RAY_memory_monitor_refresh_ms=0"
"""The hosts share this machine's memory: each one's monitor would kill its own trials for what others take."""
SEARCH = (
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
ASKING = ("--trials", "3", "--epochs", "1", "--finetune-workers", "1", "--llm-per-call", "1", "--llm", "gpt-canary")
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

    def begins(self, shown: Path, *words: str) -> subprocess.Popen[bytes]:
        """Begin a search by `ray submit`, whose terminal is a file."""
        command = self.ray("submit", "--no-config-cache", str(self.file), "launch.py", "--", "search", *words)
        with shown.open("w") as terminal:
            return subprocess.Popen(command, cwd=ROOT, env=self.variables, stdout=terminal, stderr=subprocess.STDOUT)

    def events(self, runs: str) -> tuple[Event, ...]:
        """What the ledger of the newest run in a shared folder holds by now."""
        try:
            return read_whole_lines(RunDirs(self.machines.shared / runs).resolve("latest").ledger)
        except TrackingError:
            return ()

    def summary(self, runs: str) -> Summary:
        return read_summary(RunDirs(self.machines.shared / runs).resolve("latest").summary)

    def leaks(self) -> list[str]:
        """Where the key is on hosts that are up: in environments, Ray's session folders, logs or runs."""
        there = f"test -d /tmp/ray/session_latest/logs && (grep -rlF {CANARY} /tmp /var/log {SHARED}; true)"
        found = []
        for host in self.hosts.values():
            if host.process.poll() is None:
                found += [f"process {number} on {host.name}" for number in host.environments_with(CANARY)]
                found += [f"{file} on {host.name}" for file in self.on(host, there).splitlines()]
        return found

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
        [sys.executable, str(ROOT / "launch.py"), "search", *SEARCH],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT), "RAY_memory_monitor_refresh_ms": "0"},
        check=True,
        timeout=WAIT_S,
    )
    run = RunDirs(folder / "runs").resolve("latest")
    return read_summary(run.summary), read_ledger(run.ledger)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A head and three workers, on which `ray up` has been run."""
    folder = tmp_path_factory.mktemp("hosts")
    machines = Machines(folder)
    with machines.running("head", "worker1", "worker2", "worker3") as hosts:
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
        eventually(lambda: _joined(up, len(hosts) - 1), "every host is a node of the cluster", WAIT_S)
        yield up


def _described(hosts: dict[str, Host], key: Path, home: Path) -> dict[str, Any]:
    described = read(ONPREM)
    head, *workers = (host.address for host in hosts.values())
    described["provider"] |= {"head_ip": head, "worker_ips": workers}
    described["auth"] = {"ssh_user": "root", "ssh_private_key": str(key)}
    described["file_mounts"]["~/.ray/auth_token"] = str(home / ".ray" / "auth_token")
    # Without MLflow's server: a gigabyte that nothing here asks.
    described["head_setup_commands"] = [each for each in described["head_setup_commands"] if "mlflow.sh" not in each]
    for part, cpus in (("head_start_ray_commands", 0), ("worker_start_ray_commands", 1)):
        stop, start = described[part]
        start = start.replace("ray start", f"ray start --num-cpus={cpus} {SIZE}", 1)
        start = start.replace("RAY_AUTH", f"{UNWATCHED} RAY_AUTH", 1)
        # Ray gives a node half a minute to start, which a busy machine with four of them may not keep.
        described[part] = [stop, " || ".join([start, *[f"({stop}; {start})"] * 2])]
    return described


def _joined(cluster: Cluster, count: int) -> bool:
    """Whether so many workers have joined, with one CPU each."""
    return f"/{count}.0 CPU" in cluster.does("exec", "--no-config-cache", str(cluster.file), "ray status")


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
    process = cluster.begins(shown, *SEARCH, "--runs", f"{SHARED}/submitted")
    victims: list[Host] = []

    def runs() -> bool:
        return bool(payloads_of(cluster.events("submitted"), TrialStarted)) or process.poll() is not None

    def strikes() -> bool:
        victims.extend(_worker_with_a_late_trial(cluster))
        return bool(victims) or process.poll() is not None

    eventually(runs, "a trial runs", WAIT_S)
    leaks = cluster.leaks()
    eventually(strikes, "a worker host runs a late trial", WAIT_S)
    assert victims, _end_of(shown)
    victims[0].kill()
    code = process.wait(WAIT_S)
    assert code == 0, _end_of(shown)
    return Bereft(shown.read_text(), leaks)


def _end_of(shown: Path) -> str:
    """The last words on a terminal, which draws its progress again each second."""
    return shown.read_text()[-6000:]


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
    assert "4 nodes at" in checks["Ray"]["found"]
    for name in ("nodes", "versions", "shared folder", "clocks", "between nodes"):
        assert checks[name]["state"] == "ok", checks
    assert "eth0" in checks["between nodes"]["found"]


def test_the_keys_file_is_found_on_the_head(cluster: Cluster, keyed: None) -> None:
    assert _doctor(cluster)["LLM keys"]["found"] == "set: OPENAI_API_KEY"
    assert cluster.leaks() == []


def test_it_ends_where_a_search_on_one_machine_ends(
    cluster: Cluster, bereft: Bereft, alone: tuple[Summary, tuple[Event, ...]]
) -> None:
    _same(cluster, "submitted", alone)


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
        process = cluster.begins(shown, *asked, "--runs", f"{SHARED}/asked")
        leaks: list[str] = []

        def ends() -> bool:
            for host in cluster.hosts.values():
                if host.process.poll() is None:
                    leaks.extend(f"process {number} on {host.name}" for number in host.environments_with(CANARY))
            return process.poll() is not None

        eventually(ends, "a search that asks a model ends", WAIT_S)
        assert process.returncode == 0, _end_of(shown)
        assert server.totals()["answers"] >= 2
    assert payloads_of(cluster.events("asked"), LlmCall)
    assert [*leaks, *cluster.leaks()] == []
    assert CANARY not in shown.read_text()


def test_a_submitted_job_ends_there_too_with_its_log_on_the_terminal(
    cluster: Cluster, bereft: Bereft, alone: tuple[Summary, tuple[Event, ...]]
) -> None:
    """Through the dashboard on the head's loopback, which SSH brings here; on the hosts that are left."""
    with _dashboard(cluster):
        said = cluster.does(
            *("job", "submit", "--address", f"http://127.0.0.1:{PORT}", "--"),
            *("python", "launch.py", "search", *SEARCH, "--runs", f"{SHARED}/job"),
        )
    assert "the cluster at" in said, "RAY_ADDRESS is set in a job, and it is said which cluster is used"
    assert "trial" in said
    _same(cluster, "job", alone)


def test_a_node_without_the_shared_folder_is_found(cluster: Cluster, bereft: Bereft) -> None:
    left = next(host for name, host in cluster.hosts.items() if name != "head" and host.process.poll() is None)
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
