"""What `doctor --ray-address` makes of what the nodes of a cluster say."""

import contextlib
import dataclasses
import json
from pathlib import Path

import pytest

import cli.cluster_checks
from cli.checks import Check, State
from cli.cluster_checks import judged
from cli.main import main
from search.execution.inspection import About, Cluster, Node

PACKAGES = {"torch": "2.14.1", "torchvision": "0.29.1", "ray": "2.60.0", "numpy": "2.3"}
HERE = About("head", "3.11.7", PACKAGES, "10.0.0.1", "eth0")
RUNS = Path("/shared/runs")


def _node(number: int, **changed: object) -> Node:
    about = dataclasses.replace(HERE, host=f"host{number}", gloo=f"10.0.0.{number}")
    node = Node(f"10.0.0.{number}", 8.0, 1.0, about, reached=True)
    return dataclasses.replace(node, **changed)  # type: ignore[arg-type]


def _about(number: int, **changed: object) -> About:
    about = _node(number).about
    assert about is not None
    return dataclasses.replace(about, **changed)  # type: ignore[arg-type]


def _checks(*nodes: Node, free_cpus: float = 4.0) -> dict[str, Check]:
    found = judged("10.0.0.1:6379", Cluster(nodes, free_cpus, 1.0), HERE, RUNS)
    return {check.name: check for check in found}


def test_a_cluster_that_is_well() -> None:
    checks = _checks(_node(1), _node(2))
    assert {check.state for check in checks.values()} == {State.OK}
    assert checks["Ray"].found == "2 nodes at 10.0.0.1:6379; free: 4 of 16 CPUs, 1 of 2 GPUs"
    assert "torch 2.14.1" in checks["versions"].found


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"python": "3.12.3"}, "10.0.0.2 has Python 3.12.3, not 3.11.7"),
        ({"packages": {**HERE.packages, "torch": "2.13.0"}}, "10.0.0.2 has torch 2.13.0, not 2.14.1"),
        ({"packages": {**HERE.packages, "torch": None}}, "10.0.0.2 has torch not at all, not 2.14.1"),
    ],
)
def test_another_python_or_torch_is_refused(changed: dict[str, object], said: str) -> None:
    check = _checks(_node(1), _node(2, about=_about(2, **changed)))["versions"]
    assert (check.state, check.found) == (State.FAILED, said)
    assert "constraints.txt" in check.advice


def test_a_node_that_does_not_answer_is_named_and_spoils_no_other_check() -> None:
    checks = _checks(
        _node(1), _node(2, about=None, error="ModuleNotFoundError: No module named 'search'", reached=None)
    )
    assert checks["nodes"].state is State.FAILED
    assert "10.0.0.2 (ModuleNotFoundError" in checks["nodes"].found
    assert all(check.state is State.OK for name, check in checks.items() if name != "nodes")


def test_a_node_on_which_no_process_of_rays_starts_is_said_to_have_a_full_disk_perhaps() -> None:
    silent = _node(2, about=None, error="ActorDiedError: its worker process has died", reached=None)
    assert "full disk (df -h /tmp there)" in _checks(_node(1), silent)["nodes"].advice


def test_a_folder_that_is_not_shared_is_found() -> None:
    blind = _checks(_node(1), _node(2, unseen=("10.0.0.1",)))["shared folder"]
    assert blind.state is State.FAILED
    assert "/shared/runs: 10.0.0.2 does not see what 10.0.0.1 wrote" in blind.found
    lacking = _checks(_node(1), _node(2, unseen=None))["shared folder"]
    assert lacking.state is State.FAILED
    assert "10.0.0.2 cannot write there" in lacking.found


def test_a_disk_that_is_full_is_named_with_its_node() -> None:
    check = _checks(_node(1, free_bytes=9 * 2**30), _node(2, free_bytes=2**28))["disks"]
    assert (check.state, check.found) == (State.FAILED, "0.2 GiB free on 10.0.0.2")
    well = _checks(_node(1, free_bytes=9 * 2**30), _node(2, free_bytes=2**31))["disks"]
    assert (well.state, well.found) == (State.OK, "at least 2.0 GiB free for Ray on every node")


def test_a_clock_that_is_off_is_a_warning_unless_the_answer_took_as_long() -> None:
    off = _checks(_node(1), _node(2, ahead_s=-90.0, unsure_s=0.1))["clocks"]
    assert (off.state, off.found) == (State.WARNING, "10.0.0.2 is 90 s behind")
    assert _checks(_node(1), _node(2, ahead_s=7.0, unsure_s=6.0))["clocks"].state is State.OK


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (
            _node(2, about=_about(2, gloo="127.0.1.1", interface=None)),
            "others 127.0.1.1, as the name host2 means",
        ),
        (_node(2, about=_about(2, gloo=None, interface="ib0")), "GLOO_SOCKET_IFNAME=ib0 has no address there"),
        (_node(2, reached=False), "10.0.0.2 is not reached from the next node"),
    ],
)
def test_a_way_that_workers_would_not_find(node: Node, said: str) -> None:
    check = _checks(_node(1), node)["between nodes"]
    assert check.state is State.FAILED
    assert said in check.found
    assert "GLOO_SOCKET_IFNAME" in check.advice


def test_nodes_of_one_host_may_meet_on_loopback() -> None:
    nodes = [dataclasses.replace(_node(1), about=_about(1, gloo="127.0.0.1")) for _ in range(2)]
    assert _checks(*nodes)["between nodes"].state is State.OK


def test_a_busy_cluster_and_an_empty_one_are_warnings() -> None:
    assert _checks(_node(1), free_cpus=0.0)["Ray"].state is State.WARNING
    empty = _checks(_node(1, cpus=0.0, gpus=0.0), free_cpus=0.0)["Ray"]
    assert (empty.state, empty.advice) == (State.WARNING, "no node computes yet: more must join")


def test_the_verb_asks_the_nodes_where_an_address_is_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    broken = _node(2, about=_about(2, python="3.12.3"))
    cluster = Cluster((_node(1), broken), 4.0, 0.0)
    monkeypatch.setattr("cli.doctor.ray_address_of", lambda given: given)
    monkeypatch.setattr(cli.cluster_checks, "connected", lambda address: contextlib.nullcontext())
    monkeypatch.setattr(cli.cluster_checks, "inspect_cluster", lambda shared: cluster)
    monkeypatch.setattr(cli.cluster_checks, "about_here", lambda: HERE)
    assert main(["doctor", "--ray-address", "10.0.0.1:6379", "--json"]) == 2
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["versions"]["state"] == "failed"
    assert checks["shared folder"]["state"] == "ok"
