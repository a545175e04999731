"""What the nodes of a cluster say of themselves and each other: versions, disks, clocks, shared folder, network."""

import os
import platform
import shutil
import socket
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("torch", "torchvision", "ray", "numpy")
"""Those in which all nodes must be equal: weights, scores and messages travel between them."""
ANSWERS_S = 60.0
REACHES_S = 10.0
INTERFACE = "GLOO_SOCKET_IFNAME"


@dataclass(frozen=True, slots=True)
class About:
    """What a node says of itself.

    Attributes:
        host: its name.
        python: its version of Python.
        packages: versions of `PACKAGES`; None for one that is missing.
        gloo: the address at which gloo's peers would be told to find it; None if there is none.
        interface: what its environment says of gloo's interface.
    """

    host: str
    python: str
    packages: Mapping[str, str | None]
    gloo: str | None
    interface: str | None


@dataclass(frozen=True, slots=True)
class Node:
    """A node as an inspection found it.

    Attributes:
        address: in Ray.
        cpus: it has.
        gpus: it has.
        about: what it said; None if it did not answer.
        error: why it did not.
        ahead_s: how far its clock is ahead of this machine's.
        unsure_s: how far that may be wrong, as the answer took time.
        free_bytes: of the disk on which Ray keeps its session there; None if it did not answer.
        unseen: addresses of nodes whose file in the shared folder it did not see; None if it has no such folder.
        reached: whether the next node reached it at its address for gloo; None if it has no neighbour.
    """

    address: str
    cpus: float
    gpus: float
    about: About | None = None
    error: str = ""
    ahead_s: float = 0.0
    unsure_s: float = 0.0
    free_bytes: int | None = None
    unseen: tuple[str, ...] | None = ()
    reached: bool | None = None


@dataclass(frozen=True, slots=True)
class Cluster:
    """All nodes, with what nobody uses at the moment."""

    nodes: tuple[Node, ...]
    free_cpus: float
    free_gpus: float


def about_here(environment: Mapping[str, str] = os.environ) -> About:
    """Return what this process's machine says of itself."""
    interface = environment.get(INTERFACE)
    return About(socket.gethostname(), platform.python_version(), _versions(), _gloo_address(interface), interface)


def inspect_cluster(shared: Path) -> Cluster:
    """Ask every node of the cluster that this process is connected to.

    No CPU is asked for, so that busy nodes answer, too.

    Args:
        shared: a folder that all nodes should see; a folder is made in it, and removed at the end.

    Raises:
        OSError: this machine cannot write there.
    """
    import ray

    alive = sorted((node for node in ray.nodes() if node["Alive"]), key=lambda node: str(node["NodeManagerAddress"]))
    probe = shared.absolute() / f".espalier-doctor-{uuid.uuid4().hex[:12]}"
    probe.mkdir(parents=True)
    try:
        asked = [_Asked(node) for node in alive]
        _ask(asked, probe)
    finally:
        for file in probe.iterdir():
            file.unlink()
        probe.rmdir()
    free = ray.available_resources()
    return Cluster(tuple(each.found() for each in asked), free.get("CPU", 0.0), free.get("GPU", 0.0))


def _ask(asked: "Sequence[_Asked]", probe: Path) -> None:
    """Each step on all nodes before the next: a file must be written before it is looked for."""
    for step in (_Asked.introduce, _Asked.set_clock, _Asked.measure_disk):
        for each in asked:
            step(each)
    answering = [each for each in asked if each.about is not None]
    for each in answering:
        each.write(probe)
    for each in answering:
        each.look(probe, answering)
    for each, neighbour in zip(answering, answering[1:] + answering[:1], strict=True):
        if each is not neighbour:
            each.listen_to(neighbour)


class _Inspector:
    """The part that runs on a node."""

    def __init__(self) -> None:
        self._listener: socket.socket | None = None

    def about(self) -> About:
        return about_here()

    def clock(self) -> float:
        return time.time()

    def free_bytes(self) -> int:
        """What is free where this process's Ray has its session."""
        from ray._private import worker

        node = worker._global_node
        assert node is not None, "this runs in a worker of Ray's"
        return shutil.disk_usage(node.get_session_dir_path()).free

    def write(self, probe: str, name: str) -> bool:
        """Write a file into the folder; it is not made where it is missing, since it would be another one."""
        with suppress(OSError):
            (Path(probe) / name).write_text(name, encoding="utf-8")
            return True
        return False

    def sees(self, probe: str, names: list[str]) -> list[str]:
        return [name for name in names if (Path(probe) / name).exists()]

    def listen(self, address: str) -> int:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, 0), family=family)
        return int(self._listener.getsockname()[1])

    def reaches(self, address: str, port: int) -> bool:
        with suppress(OSError):
            socket.create_connection((address, port), timeout=REACHES_S).close()
            return True
        return False


class _Asked:
    """A node that is being asked: its inspector, and what it has said so far."""

    def __init__(self, node: Mapping[str, Any]) -> None:
        self.name, self.address = str(node["NodeID"]), str(node["NodeManagerAddress"])
        self._cpus, self._gpus = (float(node["Resources"].get(kind, 0.0)) for kind in ("CPU", "GPU"))
        self._inspector: Any = None
        self.about: About | None = None
        self._error = ""
        self._ahead_s, self._unsure_s = 0.0, 0.0
        self._free_bytes: int | None = None
        self._wrote = False
        self._unseen: tuple[str, ...] | None = ()
        self._reached: bool | None = None

    def introduce(self) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here_only = NodeAffinitySchedulingStrategy(node_id=self.name, soft=False)
        self._inspector = ray.remote(_Inspector).options(num_cpus=0, scheduling_strategy=here_only).remote()
        try:
            self.about = ray.get(self._inspector.about.remote(), timeout=ANSWERS_S)
        except Exception as error:  # noqa: BLE001 - the boundary to a node, which may lack anything; it is shown
            self._error = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[-1][:200]}"

    def set_clock(self) -> None:
        if self.about is None:
            return
        before = time.time()
        there = float(self._answer("clock"))
        after = time.time()
        self._ahead_s, self._unsure_s = there - (before + after) / 2, (after - before) / 2

    def measure_disk(self) -> None:
        if self.about is not None:
            self._free_bytes = int(self._answer("free_bytes"))

    def write(self, probe: Path) -> None:
        self._wrote = bool(self._answer("write", str(probe), self.name))

    def look(self, probe: Path, others: "Sequence[_Asked]") -> None:
        if not self._wrote:
            self._unseen = None
            return
        written = {other.name: other.address for other in others if other._wrote}
        seen = set(self._answer("sees", str(probe), list(written)))
        self._unseen = tuple(address for name, address in written.items() if name not in seen)

    def listen_to(self, neighbour: "_Asked") -> None:
        if self.about is None or self.about.gloo is None:
            self._reached = False
            return
        port = self._answer("listen", self.about.gloo)
        self._reached = bool(neighbour._answer("reaches", self.about.gloo, port))

    def found(self) -> Node:
        return Node(
            *(self.address, self._cpus, self._gpus, self.about, self._error),
            *(self._ahead_s, self._unsure_s, self._free_bytes, self._unseen, self._reached),
        )

    def _answer(self, method: str, *arguments: Any) -> Any:
        import ray

        return ray.get(getattr(self._inspector, method).remote(*arguments), timeout=ANSWERS_S)


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _gloo_address(interface: str | None) -> str | None:
    """As gloo chooses it: the named interface's, else what the host's own name means, else loopback."""
    if interface:
        addresses = psutil.net_if_addrs().get(interface, ())
        families = (socket.AF_INET, socket.AF_INET6)
        return next((one.address for family in families for one in addresses if one.family == family), None)
    with suppress(OSError):
        return str(socket.gethostbyname(socket.gethostname()))
    return "127.0.0.1"
