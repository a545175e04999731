"""What a search survives on hosts: another search, a host that is slow, a full disk, a head that loses its power.

`make test-cluster-faults` runs it, on one cluster, in this order: the head is struck last. Each search is held
against the same search on one machine.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.launched import endings
from tests.clusters.cluster import SEARCH, WAIT_S, Alone, Cluster, Run, assert_same, end_of
from tests.clusters.hosts import ALLOWED, SHARED, Host, eventually
from tracking.events import payloads_of
from tracking.payloads import TrialEnded, TrialStarted, Winner
from tracking.runs import RunDirs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(ALLOWED not in os.environ, reason="hosts are made by `make test-cluster-faults` only"),
]

OTHER = (*SEARCH, "--seed", "7")
EVERYWHERE = (*SEARCH, "--workers", "3")
SLOWED_TO = 0.15
LATE = 2


@pytest.fixture(scope="module")
def other_alone(tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """The other search on one machine, likewise."""
    return Alone(tmp_path_factory.mktemp("other"), OTHER)


@pytest.fixture
def terminal(tmp_path: Path) -> Path:
    return tmp_path / "terminal"


def test_two_searches_at_once_end_as_each_does_alone(
    other_alone: Alone, cluster: Cluster, alone: Run, terminal: Path, tmp_path: Path
) -> None:
    """They share the cluster and the folder of runs."""
    second = tmp_path / "second"
    processes = [
        cluster.begins(shown, "search", *words, "--runs", f"{SHARED}/both")
        for shown, words in ((terminal, SEARCH), (second, OTHER))
    ]
    for process, shown in zip(processes, (terminal, second), strict=True):
        assert process.wait(WAIT_S) == 0, end_of(shown)
    runs = {run.run_id.rpartition("-")[2]: run.run_id for run in RunDirs(cluster.machines.shared / "both").all()}
    assert runs.keys() == {"s42", "s7"}
    assert_same(cluster.run("both", runs["s42"]), alone)
    assert_same(cluster.run("both", runs["s7"]), other_alone.run())
    started = [payloads_of(cluster.events("both", run), TrialStarted) for run in runs.values()]
    assert not {each.actor for each in started[0]} & {each.actor for each in started[1]}


def test_a_slow_host_holds_up_its_own_trials_only(cluster: Cluster, alone: Run, terminal: Path) -> None:
    process = cluster.begins(terminal, "search", *EVERYWHERE, "--runs", f"{SHARED}/slow")
    trial, host = _first_trial(cluster, "slow", process, terminal)
    with host.slowed(SLOWED_TO):
        eventually(
            lambda: bool(payloads_of(cluster.events("slow"), Winner)) or process.poll() is not None,
            "a winner is named",
            WAIT_S,
        )
    assert process.wait(WAIT_S) == 0, end_of(terminal)
    assert_same(cluster.run("slow"), alone)
    overtook = _begun_and_ended_within(cluster, "slow", trial)
    assert len(overtook) >= 2, cluster.events("slow")


def test_a_host_whose_disk_is_full_is_named_before_the_first_trial(cluster: Cluster, terminal: Path) -> None:
    full = cluster.workers[0]
    with _full_disk(cluster, full):
        process = cluster.begins(terminal, "search", *EVERYWHERE, "--runs", f"{SHARED}/full")
        assert process.wait(WAIT_S) != 0, end_of(terminal)
        checks = cluster.doctor(code=2)
    assert not payloads_of(cluster.events("full"), TrialStarted)
    assert f"`df -h /tmp` on {full.address}" in _words(terminal), end_of(terminal)
    assert full.address in checks["nodes"]["found"]
    assert "df -h /tmp" in checks["nodes"]["advice"]


def test_a_disk_that_fills_under_a_trial_costs_none(cluster: Cluster, alone: Run, terminal: Path) -> None:
    """Processes that run go on there. One that dies would be followed by one that ends as it starts, and so on."""
    process = cluster.begins(terminal, "search", *EVERYWHERE, "--runs", f"{SHARED}/filling")
    trial, host = _first_trial(cluster, "filling", process, terminal)
    with _full_disk(cluster, host):
        host.ends(trial.pid)
        assert process.wait(WAIT_S) != 0, end_of(terminal)
    assert f"on the node {host.address} Ray's processes now end as they start" in _words(terminal), end_of(terminal)
    assert cluster.begins(terminal, "resume", "--runs", f"{SHARED}/filling").wait(WAIT_S) == 0, end_of(terminal)
    assert_same(cluster.run("filling"), alone)


def test_a_head_that_lost_its_power_resumes_from_the_shared_folder(
    cluster: Cluster, alone: Run, terminal: Path
) -> None:
    process = cluster.begins(terminal, "search", *SEARCH, "--runs", f"{SHARED}/headless")

    def late() -> bool:
        running = [started.trial for started, _ in cluster.trials_that_run("headless")]
        return any(trial >= LATE for trial in running) or process.poll() is not None

    eventually(late, "a late trial runs", WAIT_S)
    assert process.poll() is None, end_of(terminal)
    cluster.hosts["head"].kill()
    assert process.wait(WAIT_S) != 0, end_of(terminal)
    before = cluster.events("headless")
    ended = {trial for trial, *_ in endings(before)}
    cluster.hosts["head"] = cluster.machines.started_again(cluster.hosts["head"])
    cluster.goes_up()
    resumed = cluster.begins(terminal, "resume", "--runs", f"{SHARED}/headless")
    assert resumed.wait(WAIT_S) == 0, end_of(terminal)
    assert_same(cluster.run("headless"), alone)
    after = cluster.events("headless")[len(before) :]
    assert not ended & {each.trial for each in payloads_of(after, TrialStarted)}, "what had ended ran again"


@contextmanager
def _full_disk(cluster: Cluster, host: Host) -> Iterator[None]:
    """Fill a host's own disk, and where it has temporary files, until the block ends."""
    cluster.on(host, "for each in /tmp /root; do dd if=/dev/zero of=$each/full bs=1M; done 2> /dev/null; true")
    try:
        yield
    finally:
        cluster.on(host, "rm /tmp/full /root/full")


def _words(terminal: Path) -> str:
    """What a terminal showed, whose lines are broken between words."""
    return " ".join(terminal.read_text().split())


def _first_trial(
    cluster: Cluster, runs: str, process: subprocess.Popen[bytes], terminal: Path
) -> tuple[TrialStarted, Host]:
    """A trial that runs, and where, as soon as one does."""
    found: list[tuple[TrialStarted, Host]] = []

    def runs_one() -> bool:
        found.extend(cluster.trials_that_run(runs))
        return bool(found) or process.poll() is not None

    eventually(runs_one, "a trial runs", WAIT_S)
    assert found, end_of(terminal)
    return found[0]


def _begun_and_ended_within(cluster: Cluster, runs: str, slow: TrialStarted) -> set[int]:
    """Trials on other actors that began after this one and ended before it."""
    payloads = [event.payload for event in cluster.events(runs)]
    began = payloads.index(slow)
    over = next(at for at, each in enumerate(payloads) if isinstance(each, TrialEnded) and each.trial == slow.trial)
    meanwhile = payloads[began:over]
    begun = {each.trial for each in meanwhile if isinstance(each, TrialStarted) and each.actor != slow.actor}
    return begun & {each.trial for each in meanwhile if isinstance(each, TrialEnded)}
