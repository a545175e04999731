"""What a run asks of a machine or cluster, and what is there."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

from ground.counting import counted
from search.errors import ResourceError
from search.setup.quota import usable_cpus
from trainers.workers import Workers

_ROUNDING = 1e-6
"""Shares such as a third, and floor division, are not exact."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a run asks of the machine or cluster: counts of CPUs and GPUs for each phase.

    Attributes:
        finetune_workers: None where nothing is fine-tuned.
    """

    trial_workers: int
    cpus_per_trial: float
    gpus_per_trial: float
    finetune_workers: Workers | None
    finetune_gpu: bool

    @property
    def any_gpu(self) -> bool:
        """Whether any phase takes a GPU."""
        return self.finetune_gpu or self.gpus_per_trial > 0

    def describe(self) -> str:
        """Who runs on what, in words."""
        trial = f"{self.cpus_per_trial:g} CPUs" + (f" and {self.gpus_per_trial:g} GPUs" if self.gpus_per_trial else "")
        trials = f"{counted(self.trial_workers, 'trial')} at once, of {trial} each"
        if self.finetune_workers is None:
            return trials
        where = "with a GPU each" if self.finetune_gpu else "on CPUs"
        return f"{trials}; {self.finetune_workers.named('fine-tune worker')} {where}"


@dataclass(frozen=True, slots=True)
class Node:
    """This machine, or a node of a cluster."""

    cpus: float
    gpus: float

    def slots(self, cpus: float, gpus: float) -> int:
        """Return how many workers fit, of so many CPUs and GPUs each; a worker's share of a GPU is of one GPU."""
        fit = int(self.cpus / cpus + _ROUNDING)
        if gpus == 0:
            return fit
        if gpus >= 1:
            return min(fit, int(self.gpus / gpus + _ROUNDING))
        return min(fit, int(self.gpus) * int(1 / gpus + _ROUNDING))


@dataclass(frozen=True, slots=True)
class Machines:
    """What there is to run on.

    Attributes:
        where: in words, for messages.
    """

    nodes: tuple[Node, ...]
    where: str = "this machine"

    @property
    def cpus(self) -> float:
        """Of all nodes."""
        return sum(node.cpus for node in self.nodes)

    @property
    def gpus(self) -> float:
        """Of all nodes."""
        return sum(node.gpus for node in self.nodes)

    def slots(self, cpus: float, gpus: float) -> int:
        """Return how many workers fit, of so many CPUs and GPUs each. No worker spans two nodes."""
        return sum(node.slots(cpus, gpus) for node in self.nodes)

    def describe(self) -> str:
        """How much there is, in words."""
        nodes = f"{len(self.nodes)} nodes, " if len(self.nodes) > 1 else ""
        return f"{nodes}{self.cpus:g} CPUs, {self.gpus:g} GPUs"


def this_machine() -> Machines:
    """Return what this process may use."""
    cpus, gpus = machine_resources()
    return Machines((Node(cpus, gpus),))


def machine_resources() -> tuple[int, int]:
    """Return how many CPUs and GPUs this process may use."""
    if importlib.util.find_spec("torch") is None:
        return usable_cpus(), 0
    import torch

    return usable_cpus(), torch.cuda.device_count()


def cluster_machines(nodes: Sequence[tuple[float, float]]) -> Machines:
    """Return a cluster by the CPUs and GPUs of its nodes."""
    return Machines(tuple(Node(cpus, gpus) for cpus, gpus in nodes), "the Ray cluster")


def check_resources(needs: Needs, there: Machines) -> None:
    """Check that each phase can be scheduled: Ray would wait for ever for one that cannot.

    Raises:
        ResourceError: a phase needs more.
    """
    _check("--workers", needs.trial_workers, needs.cpus_per_trial, needs.gpus_per_trial, there)
    if needs.finetune_workers is not None:
        _check("--finetune-workers", needs.finetune_workers.least, 1.0, float(needs.finetune_gpu), there)


def _check(option: str, workers: int, cpus: float, gpus: float, there: Machines) -> None:
    most = there.slots(cpus, gpus)
    if workers <= most:
        return
    for kind, each, have in (("CPU", cpus, there.cpus), ("GPU", gpus, there.gpus)):
        if workers * each > have:
            needed = f"needs {workers * each:g} {kind}s, and {there.where} has {have:g}"
            without = f"no worker of this kind fits, so run without {kind}s"
            break
    else:
        needed = f"does not fit on the nodes of {there.where} ({there.describe()}), as no worker spans two of them"
        each, kind, without = cpus, "CPU", "no worker of this kind fits"
    raise ResourceError(
        f"{option} {workers} at {each:g} {kind} each {needed}: " + (f"{option} {most} fits." if most else f"{without}.")
    )
