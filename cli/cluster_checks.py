"""A cluster checked node by node, for `doctor --ray-address`."""

import ipaddress
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from cli.checks import GIB, NO_DISK, Check, State, first_line
from ground.counting import counted
from search.errors import ResourceError
from search.execution.cluster import connected
from search.execution.inspection import INTERFACE, PACKAGES, About, Cluster, Node, about_here, inspect_cluster

CLOCKS_S = 5.0
"""A difference that is worth a word: times in logs and of files on the shared folder no longer fit together."""


def check_cluster(address: str, runs: Path) -> tuple[Check, ...]:
    """Connect to a cluster and ask each of its nodes.

    Args:
        address: of the cluster.
        runs: the folder of run folders, which all nodes should see.
    """
    try:
        with connected(address):
            found = inspect_cluster(_nearest(runs.absolute()))
    except ResourceError as error:
        return (Check("Ray", State.FAILED, str(error), "start the cluster, or correct --ray-address"),)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return (Check("shared folder", State.FAILED, f"{runs}: {reason}", "name a folder that can be written: --runs"),)
    except Exception as error:  # noqa: BLE001 - the boundary to Ray, which raises anything; the table shows it
        return (
            Check("Ray", State.FAILED, f"{type(error).__name__}: {first_line(error)}", "ask again; see ray status"),
        )
    return judged(address, found, about_here(), runs)


def judged(address: str, found: Cluster, here: About, runs: Path) -> tuple[Check, ...]:
    """Judge what the nodes said, against this machine, on which a search's driver would run."""
    nodes = found.nodes
    return (
        _size(address, found),
        _answers(nodes),
        _versions(nodes, here),
        _disks(nodes),
        _shared_folder(nodes, runs),
        _clocks(nodes),
        _way_between(nodes),
    )


def _size(address: str, found: Cluster) -> Check:
    cpus, gpus = sum(node.cpus for node in found.nodes), sum(node.gpus for node in found.nodes)
    shown = (
        f"{counted(len(found.nodes), 'node')} at {address}; free: {found.free_cpus:g} of {cpus:g} CPUs, "
        f"{found.free_gpus:g} of {gpus:g} GPUs"
    )
    if found.free_cpus < 1:
        advice = "a search waits until nodes come or others end" if cpus else "no node computes yet: more must join"
        return Check("Ray", State.WARNING, shown, advice)
    return Check("Ray", State.OK, shown)


def _answers(nodes: Sequence[Node]) -> Check:
    silent = [f"{node.address} ({node.error})" for node in nodes if node.about is None]
    if silent:
        advice = "set these nodes up as the others (clusters/node.sh); on AWS their words lie in /shared/setup"
        if any(node.error.startswith("ActorDied") for node in nodes):
            # A process of Ray's that cannot write its log ends, before any of our code runs.
            advice = f"where Ray's processes end as they start, look for a full disk (df -h /tmp there); else {advice}"
        return Check("nodes", State.FAILED, f"did not answer: {'; '.join(silent)}", advice)
    return Check("nodes", State.OK, f"all {len(nodes)} answer")


def _versions(nodes: Sequence[Node], here: About) -> Check:
    """A node with another Python or torch is refused: it would fail later, or compute other scores."""
    wrong = []
    for node in nodes:
        if node.about is None:
            continue
        pairs: list[tuple[str, str | None, str | None]] = [("Python", node.about.python, here.python)]
        pairs += [(name, node.about.packages.get(name), here.packages.get(name)) for name in PACKAGES]
        wrong += [
            f"{node.address} has {name} {there or 'not at all'}, not {own}"
            for name, there, own in pairs
            if there != own
        ]
    if wrong:
        return Check(
            "versions", State.FAILED, "; ".join(wrong), "install from this machine's constraints.txt on every node"
        )
    same = ", ".join(f"{name} {here.packages.get(name)}" for name in PACKAGES)
    return Check("versions", State.OK, f"Python {here.python}, {same} on every node")


def _disks(nodes: Sequence[Node]) -> Check:
    """Each node's own disk, on which Ray has its session: the shared folder is another one."""
    known = [(node.free_bytes, node.address) for node in nodes if node.free_bytes is not None]
    full = [f"{free / GIB:.1f} GiB free on {address}" for free, address in known if free < NO_DISK]
    if full:
        advice = "free some space there: Ray's session needs at least half a GiB on each node"
        return Check("disks", State.FAILED, "; ".join(full), advice)
    least = min((free for free, _ in known), default=0)
    return Check("disks", State.OK, f"at least {least / GIB:.1f} GiB free for Ray on every node")


def _shared_folder(nodes: Sequence[Node], runs: Path) -> Check:
    lacking = [node.address for node in nodes if node.about is not None and node.unseen is None]
    blind = [f"{node.address} does not see what {', '.join(node.unseen)} wrote" for node in nodes if node.unseen]
    if lacking or blind:
        no_folder = [f"{', '.join(lacking)} cannot write there"] if lacking else []
        advice = "mount one folder at the same path on every node, and name it with --runs"
        return Check("shared folder", State.FAILED, f"{runs.absolute()}: {'; '.join(no_folder + blind)}", advice)
    return Check("shared folder", State.OK, f"{runs.absolute()}: what a node writes there, every node sees")


def _clocks(nodes: Sequence[Node]) -> Check:
    answering = [node for node in nodes if node.about is not None]
    wrong = [node for node in answering if abs(node.ahead_s) - node.unsure_s > CLOCKS_S]
    if wrong:
        shown = "; ".join(f"{node.address} is {abs(node.ahead_s):.0f} s {_side(node)}" for node in wrong)
        return Check("clocks", State.WARNING, shown, "let the nodes keep time by NTP (chrony)")
    furthest = max((max(0.0, abs(node.ahead_s) - node.unsure_s) for node in answering), default=0.0)
    return Check("clocks", State.OK, f"within {furthest:.1f} s of this machine's")


def _side(node: Node) -> str:
    return "ahead" if node.ahead_s > 0 else "behind"


def _way_between(nodes: Sequence[Node]) -> Check:
    """The workers of a fine-tune tell each other these addresses."""
    answering = [node for node in nodes if node.about is not None]
    if len({node.address for node in answering}) < 2:
        return Check("between nodes", State.OK, "one host: workers meet there")
    lost = [f"{node.address}: {_fault(node)}" for node in answering if _fault(node)]
    if lost:
        advice = f"set {INTERFACE} on each node to the interface that connects them, before `ray start`"
        return Check("between nodes", State.FAILED, "; ".join(lost), advice)
    ways = Counter(node.about.interface or "by host name" for node in answering if node.about is not None)
    return Check("between nodes", State.OK, f"each node reaches the next at gloo's address ({', '.join(sorted(ways))})")


def _fault(node: Node) -> str:
    about = node.about
    if about is None:
        return ""
    if about.gloo is None:
        return f"{INTERFACE}={about.interface} has no address there"
    if ipaddress.ip_address(about.gloo.partition("%")[0]).is_loopback:
        return f"gloo would tell others {about.gloo}, as {about.interface or f'the name {about.host}'} means"
    return "" if node.reached else f"{about.gloo} is not reached from the next node (a firewall?)"


def _nearest(path: Path) -> Path:
    """The folder itself, or the innermost one above it that is there: the first run makes the rest."""
    return next(folder for folder in (path, *path.parents) if folder.exists())
