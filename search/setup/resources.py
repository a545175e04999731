"""What a run asks of a machine or cluster, and what this machine has."""

import importlib.util
from dataclasses import dataclass

from search.errors import ResourceError
from search.setup.quota import usable_cpus


@dataclass(frozen=True, slots=True)
class Needs:
    """What a run asks of the machine or cluster: counts of CPUs and GPUs for each phase."""

    trial_workers: int
    cpus_per_trial: float
    gpus_per_trial: float
    finetune_workers: int
    finetune_gpu: bool


def machine_resources() -> tuple[int, int]:
    """Return how many CPUs and GPUs this process may use."""
    if importlib.util.find_spec("torch") is None:
        return usable_cpus(), 0
    import torch

    return usable_cpus(), torch.cuda.device_count()


def check_resources(needs: Needs, cpus: float, gpus: float, where: str = "this machine") -> None:
    """Check that each phase can be scheduled: Ray would wait for ever for one that cannot.

    Args:
        needs: of the run.
        cpus: that are there.
        gpus: that are there.
        where: for the message.

    Raises:
        ResourceError: a phase needs more.
    """
    phases = (
        ("--workers", needs.trial_workers, needs.cpus_per_trial, needs.gpus_per_trial),
        ("--finetune-workers", needs.finetune_workers, 1.0, 1.0 if needs.finetune_gpu else 0.0),
    )
    for option, workers, cpu_each, gpu_each in phases:
        for kind, each, have in (("CPU", cpu_each, cpus), ("GPU", gpu_each, gpus)):
            if workers * each > have:
                most = int(have // each)
                advice = f"{option} {most} fits" if most else f"no worker of this kind fits, so run without {kind}s"
                raise ResourceError(
                    f"{option} {workers} at {each:g} {kind} each needs {workers * each:g} {kind}s, and {where} has "
                    f"{have:g}: {advice}."
                )
