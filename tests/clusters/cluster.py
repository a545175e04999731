"""A Ray cluster on hosts of this machine, as a user has it who has typed `ray up`, and how its searches are held.

What is up is clusters/onprem.yaml itself, with the addresses and the key of the hosts, and with one CPU and a small
object store for each; the head has no CPU for trials, so that every trial is on a host that may die.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from search.outcome.summary import Summary, read_summary
from tests.cli.launched import Ending, endings
from tests.clusters.files import ONPREM, ROOT, read
from tests.clusters.hosts import SHARED, Host, Machines, eventually
from tracking.errors import TrackingError
from tracking.events import Event, payloads_of
from tracking.payloads import Proposed, TrialStarted, Winner
from tracking.reader import read_ledger, read_whole_lines
from tracking.runs import RunDirs

WAIT_S = 1800.0
"""Against tests that hang: on a busy machine a search takes many minutes."""
SEARCH = (
    *("--trials", "6", "--window", "4", "--epochs", "3"),
    *("--workers", "2", "--finetune-workers", "2", "--no-mlflow"),
)
SIZE = "--num-gpus=0 --object-store-memory=150000000"
ON_ONE_MACHINE = {
    # The hosts share this machine's memory: each one's monitor would kill its own trials for what others take.
    "RAY_memory_monitor_refresh_ms": "0",
    # Ray starts workers with a niceness of 15. Real nodes have nothing else to do; beside other programs of this
    # machine a trial that needs ten seconds to start would need minutes.
    "RAY_worker_niceness": "0",
}
"""What Ray's processes are told on hosts that are one machine's."""
ACTORS = """
import json, ray
ray.init(address="auto", log_to_driver=False, logging_level="ERROR")
from ray.util.state import list_actors, list_nodes
where = {node.node_id: node.node_name for node in list_nodes(limit=100)}
found = [[a.actor_id, a.class_name, where.get(a.node_id, "")] for a in list_actors(limit=1000, detail=True)]
print("ACTORS " + json.dumps(found))
"""


@dataclass(frozen=True)
class Run:
    """What a search has left."""

    summary: Summary
    events: tuple[Event, ...]


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

    @property
    def workers(self) -> list[Host]:
        """The hosts that run trials and are not dead."""
        return [host for name, host in self.hosts.items() if name != "head" and host.process.poll() is None]

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

    def goes_up(self) -> None:
        """Type `ray up`, and wait until every host is a node."""
        self.does("up", "-y", "--no-config-cache", str(self.file))
        # One CPU each.
        count = f"/{len(self.workers)}.0 CPU"
        eventually(lambda: count in self.status(), "every host is a node of the cluster", WAIT_S)

    def status(self) -> str:
        return self.does("exec", "--no-config-cache", str(self.file), "ray status")

    def begins(self, shown: Path, verb: str, *words: str) -> subprocess.Popen[bytes]:
        """Begin a verb by `ray submit`, whose terminal is a file."""
        command = self.ray("submit", "--no-config-cache", str(self.file), "launch.py", "--", verb, *words)
        with shown.open("w") as terminal:
            return subprocess.Popen(command, cwd=ROOT, env=self.variables, stdout=terminal, stderr=subprocess.STDOUT)

    def doctor(self, code: int = 0) -> dict[str, dict[str, str]]:
        """What `doctor` says of each check."""
        words = ("launch.py", "--", "doctor", "--runs", f"{SHARED}/runs", "--json")
        said = self.does("submit", "--no-config-cache", str(self.file), *words, code=code)
        document, _ = json.JSONDecoder().raw_decode(said[said.index('{"state"') :].replace("\r", ""))
        return {check["name"]: check for check in document["checks"]}

    def events(self, runs: str, run: str = "latest") -> tuple[Event, ...]:
        """What the ledger of a run in a shared folder holds by now."""
        try:
            return read_whole_lines(RunDirs(self.machines.shared / runs).resolve(run).ledger)
        except TrackingError:
            return ()

    def run(self, runs: str, run: str = "latest") -> Run:
        """A run in a shared folder, which has ended."""
        return Run(read_summary(RunDirs(self.machines.shared / runs).resolve(run).summary), self.events(runs, run))

    def trials_that_run(self, runs: str) -> Iterator[tuple[TrialStarted, Host]]:
        """Those that have been started and have not ended, and where."""
        events = self.events(runs)
        started = {each.trial: each for each in payloads_of(events, TrialStarted)}
        for trial in started.keys() - {trial for trial, *_ in endings(events)}:
            for host in self.workers:
                if host.has(started[trial].pid):
                    yield started[trial], host

    def actors(self) -> list[tuple[str, str, str]]:
        """Id, class and address of all actors that there ever were."""
        script = self.machines.shared / "actors.py"
        script.write_text(ACTORS)
        said = self.does("exec", "--no-config-cache", str(self.file), f"python {SHARED}/actors.py")
        line = next(line for line in said.splitlines() if line.startswith("ACTORS "))
        return [(actor, kind, place) for actor, kind, place in json.loads(line.removeprefix("ACTORS "))]


@contextmanager
def running_cluster(folder: Path, *names: str) -> Iterator[Cluster]:
    """Make hosts, the first of which is the head, and type `ray up`."""
    machines = Machines(folder)
    with machines.running(*names) as hosts:
        home = folder / "home"
        (home / "ray").mkdir(parents=True)
        variables = {
            **_without_ray(os.environ),
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
        cluster = Cluster(file, machines, hosts, variables)
        cluster.does("get-auth-token", "--generate")
        cluster.goes_up()
        yield cluster


def _described(hosts: Mapping[str, Host], key: Path, home: Path) -> dict[str, Any]:
    described = read(ONPREM)
    head, *workers = (host.address for host in hosts.values())
    described["provider"] |= {"head_ip": head, "worker_ips": workers}
    described["auth"] = {"ssh_user": "root", "ssh_private_key": str(key)}
    described["file_mounts"]["~/.ray/auth_token"] = str(home / ".ray" / "auth_token")
    # Without MLflow's server: a gigabyte that nothing here asks.
    described["head_setup_commands"] = [each for each in described["head_setup_commands"] if "mlflow.sh" not in each]
    told = " ".join(f"{name}={value}" for name, value in ON_ONE_MACHINE.items())
    for part, cpus in (("head_start_ray_commands", 0), ("worker_start_ray_commands", 1)):
        stop, start = described[part]
        start = start.replace("ray start", f"ray start --num-cpus={cpus} {SIZE}", 1)
        start = start.replace("RAY_AUTH", f"{told} RAY_AUTH", 1)
        # Ray gives a node half a minute to start, which a busy machine with four of them may not keep.
        described[part] = [stop, " || ".join([start, *[f"({stop}; {start})"] * 2])]
    return described


class Alone:
    """A search on one machine, which begins at once.

    Args:
        folder: where it runs.
        search: its options.
    """

    def __init__(self, folder: Path, search: Sequence[str]) -> None:
        self._folder, self._shown = folder, folder / "terminal"
        with self._shown.open("w") as terminal:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "launch.py"), "search", *search],
                cwd=folder,
                env={**_without_ray(os.environ), "PYTHONPATH": str(ROOT), **ON_ONE_MACHINE},
                stdout=terminal,
                stderr=subprocess.STDOUT,
            )

    def run(self) -> Run:
        """Wait for its end."""
        assert self._process.wait(WAIT_S) == 0, end_of(self._shown)
        run = RunDirs(self._folder / "runs").resolve("latest")
        return Run(read_summary(run.summary), read_ledger(run.ledger))


def _without_ray(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("RAY_")}


def assert_same(there: Run, alone: Run) -> None:
    """Same proposals, same scores, same winner, same accuracy of the fine-tuned model."""
    assert payloads_of(there.events, Proposed) == payloads_of(alone.events, Proposed)
    ends: list[Ending] = endings(there.events)
    assert ends == endings(alone.events)
    assert payloads_of(there.events, Winner) == payloads_of(alone.events, Winner)
    chosen, expected = there.summary.winner, alone.summary.winner
    assert chosen is not None
    assert expected is not None
    unlike = {"latency_ms"}
    assert chosen.model_dump(exclude=unlike) == expected.model_dump(exclude=unlike)


def end_of(shown: Path) -> str:
    """The last words on a terminal, which draws its progress again each second."""
    return shown.read_text()[-6000:]
