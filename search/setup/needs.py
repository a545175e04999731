"""The workers of each phase, from what the configuration asks for and what is there."""

from search.setup.config import ExecutorName, RunConfig
from search.setup.resources import Machines, Needs, check_resources, this_machine
from search.setup.shares import LEAST
from trainers.workers import Workers

_CPU_WORKERS = 2
"""Workers of a fine-tune where there is no GPU, at most: they are slow, and each holds a model."""


def resolve_needs(config: RunConfig, there: Machines | None = None, share: float = LEAST) -> Needs:
    """Return the workers of each phase.

    Where there are GPUs, trials take shares of them and the fine-tune takes them all, unless the configuration says
    otherwise.

    Args:
        config: of the run.
        there: what there is to run on; None takes this machine.
        share: of a GPU that a trial takes, unless the configuration names one; see `gpu_share`. Where none has been
            measured yet, the smallest refuses nothing that might fit.

    Raises:
        ResourceError: there is less. A cluster that has not been looked at is not checked.
    """
    known = there is not None or config.cluster is None or config.executor is ExecutorName.LOCAL
    there = there or this_machine()
    gpus = _gpus_per_trial(config, there, 1.0 if config.executor is ExecutorName.LOCAL else share)
    if config.executor is ExecutorName.LOCAL:
        needs = Needs(1, config.cpus_per_trial, gpus, Workers(1, 1), _finetune_gpu(config, there))
    else:
        trials = config.workers or max(1, there.slots(config.cpus_per_trial, gpus))
        needs = Needs(trials, config.cpus_per_trial, gpus, *finetune_place(config, there))
    if known:
        check_resources(needs, there)
    return needs


def finetune_place(config: RunConfig, there: Machines) -> tuple[Workers, bool]:
    """Return the workers of the fine-tune, and whether each has a GPU."""
    gpu = _finetune_gpu(config, there)
    return config.finetune_workers or default_workers(there, gpu=gpu), gpu


def finetunes_at_once(there: Machines, workers: Workers, *, gpu: bool) -> int:
    """Return how many fine-tunes of so many workers fit, at least one; of a range, of the fewest."""
    return max(1, there.slots(1.0, float(gpu)) // workers.least)


def part_of_range(there: Machines, workers: Workers, *, gpu: bool, among: int) -> Workers:
    """Return the workers of one of several fine-tunes at once: a range ends at an equal part of what is there.

    A number stays what it is: a training on another number of workers is another one to the bit, and with BatchNorm
    more than that.
    """
    part = there.slots(1.0, float(gpu)) // among
    return Workers(workers.least, max(workers.least, min(workers.most, part)))


def default_workers(there: Machines, *, gpu: bool) -> Workers:
    """Return one worker per GPU that a worker can have, or at most two on CPUs."""
    fit = there.slots(1.0, float(gpu))
    count = max(1, fit if gpu else min(_CPU_WORKERS, fit))
    return Workers(count, count)


def names_counts(config: RunConfig) -> bool:
    """Whether the configuration says how many workers there are to be, so that one can wait for their nodes."""
    return config.workers is not None or config.finetune_workers is not None


def _gpus_per_trial(config: RunConfig, there: Machines, share: float) -> float:
    if config.gpus_per_trial is not None:
        return config.gpus_per_trial
    return share if there.slots(config.cpus_per_trial, share) and there.gpus else 0.0


def _finetune_gpu(config: RunConfig, there: Machines) -> bool:
    return there.gpus >= 1 if config.finetune_gpu is None else config.finetune_gpu
