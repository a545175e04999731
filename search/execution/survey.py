"""Looks at where a run is to run: its machines, the share of a GPU that a trial takes, folders that all nodes see."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from search.errors import ResourceError
from search.execution.cluster import connected, ray_session
from search.setup.computing import Compute, compute_here
from search.setup.config import ExecutorName, RunConfig
from search.setup.needs import finetune_place, names_counts, resolve_needs
from search.setup.preparation import Prepared
from search.setup.resources import Machines, Needs, check_resources, this_machine
from search.setup.shares import gpu_share
from trainers.memory import out_of_memory
from trainers.step import measure_step
from trainers.workers import Workers

_log = logging.getLogger(__name__)


def surveyed_needs(prepared: Prepared) -> Needs:
    """Return the workers of each phase, from what is there, or is there once its nodes have come.

    Args:
        prepared: the checked configuration.

    Raises:
        ResourceError: the cluster cannot be reached, or there is less than the run needs.
        ResourcesError: a node does not see the folder of the runs, or that of the data.
    """
    config = prepared.config
    if config.executor is ExecutorName.LOCAL:
        return resolve_needs(config)
    if config.cluster is None:
        there = this_machine()
        return resolve_needs(config, there, _share(prepared, there, compute_here))
    with connected(config.cluster):
        # Ray is imported once its environment is set.
        from search.execution.remote import on_a_gpu
        from trainers.cluster.folders import check_shared

        there = awaited_machines(config)
        resolve_needs(config, there)
        config.runs.mkdir(parents=True, exist_ok=True)
        data = [] if config.data_path is None else [config.data_path.absolute()]
        check_shared(config.runs.absolute(), data)
        return resolve_needs(config, there, _share(prepared, there, on_a_gpu))


@contextmanager
def finetune_session(config: RunConfig) -> Iterator[tuple[Workers, bool]]:
    """Start a private Ray session or connect to the cluster, for a fine-tune alone.

    Args:
        config: its fields of the fine-tune, of Ray's address and of the wait count.

    Yields:
        The workers that train, and whether each has a GPU.

    Raises:
        ResourceError: Ray cannot be reached or started, or there is less than the fine-tune needs.
    """
    if config.cluster is None:
        workers, gpu = finetune_place(config, this_machine())
        with ray_session(None, Needs(0, 1.0, 0.0, workers, gpu)):
            yield workers, gpu
        return
    with connected(config.cluster):
        there = awaited_machines(config)
        workers, gpu = finetune_place(config, there)
        check_resources(Needs(0, 1.0, 0.0, workers, gpu), there)
        yield workers, gpu


def awaited_machines(config: RunConfig) -> Machines:
    """Return the nodes of the cluster that this process is connected to, once those that are to come have come."""
    from search.execution.nodes import ask_for, awaited, cluster_now

    if not config.wait_for_nodes:
        return cluster_now()
    asked = _asked(config)
    ask_for(asked)
    what = " and ".join(f"{workers} workers" for workers, _, _ in asked) or "nodes that are still to come"
    try:
        return awaited(lambda there: _is_enough(config, there), config.wait_for_nodes, _log.warning, what=what)
    finally:
        ask_for([])


def _asked(config: RunConfig) -> list[tuple[int, float, float]]:
    """The numbers of workers that the configuration names, with the CPUs and GPUs of each."""
    asked = []
    if config.workers is not None:
        asked.append((config.workers, config.cpus_per_trial, config.gpus_per_trial or 0.0))
    if config.finetune_workers is not None:
        asked.append((config.finetune_workers.least, 1.0, float(config.finetune_gpu is True)))
    return asked


def _is_enough(config: RunConfig, there: Machines) -> bool:
    """Whether the workers that the configuration asks for fit; one that names no number always takes what comes."""
    if not names_counts(config):
        return False
    try:
        resolve_needs(config, there)
    except ResourceError:
        return False
    return True


def _share(prepared: Prepared, there: Machines, compute: Compute) -> float:
    """The share of a GPU that a trial takes, by one measured step; a whole one where nothing is to be measured."""
    config = prepared.config
    wanted = resolve_needs(config, there)
    if config.gpus_per_trial is not None or not wanted.gpus_per_trial:
        return 1.0
    try:
        step = compute(measure_step, prepared.spec, prepared.proxy_recipe)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        _log.warning("a step of the unpruned model does not fit on a GPU; each trial has one for itself: %s", error)
        return 1.0
    with_gpus = [node for node in there.nodes if node.gpus]
    cpus_per_gpu = sum(node.cpus for node in with_gpus) / there.gpus / config.cpus_per_trial
    return gpu_share(step, cpus_per_gpu, (config.workers or 0) / there.gpus)
