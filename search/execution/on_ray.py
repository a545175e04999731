"""The executor on Ray: Tune's actors for the trials, Ray Train for the fine-tune.

Ray is imported once its session is there: it reads its environment on import.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

import torch

from search.control.session import SearchSession
from search.execution.cluster import connected, ray_session
from search.execution.executor import Lost
from search.execution.trial import Trials
from search.setup.config import RunConfig
from search.setup.needs import finetune_place, finetunes_at_once, part_of_range
from search.setup.resources import Needs
from trainers.devices import CPU, computed, streamed
from trainers.job import FinetuneJob, FinetuneResult, OnEpoch
from trainers.place import default_device
from trainers.progress import Check, OnProgress, unchecked
from trainers.workers import Workers

_T = TypeVar("_T")


class RayExecutor:
    """Runs on a private Ray session, or on the cluster that the configuration names.

    Args:
        config: of the run.
        needs: workers and resources of each phase.
        storage: a folder for what Ray writes of its own.
    """

    def __init__(self, config: RunConfig, needs: Needs, storage: Path) -> None:
        self._config, self._needs, self._storage = config, needs, storage

    def ready(self) -> AbstractContextManager[None]:
        """Connect to Ray, or start a private session; inside another one it is that one."""
        return ray_session(self._config.cluster, self._needs)

    def watched(self, lost: Lost) -> AbstractContextManager[None]:
        """Watch the processes of a private session."""
        from search.execution.ray_watch import watched

        return watched(lost)

    def run_trials(self, session: SearchSession, context: Trials) -> None:
        """Run the trials by Tune, as many at once as the run needs, or as nodes that joined have room for."""
        from search.execution.tuning import run_trials

        run_trials(
            session,
            context,
            workers=self._needs.trial_workers,
            cpus=self._config.cpus_per_trial,
            gpus=self._needs.gpus_per_trial,
            storage=self._storage,
            follows=self._config.cluster is not None and self._config.workers is None,
            elsewhere=self._config.cluster is not None,
        )

    def compute(self, work: Callable[..., _T], *arguments: Any) -> _T:
        """Compute here, on the GPU if there is one; for a cluster that had GPUs when the run began, on one of those."""
        if self._config.cluster is None or not self._needs.any_gpu:
            return computed(self._own_device(), work, *arguments)
        with connected(self._config.cluster):
            from search.execution.nodes import cluster_now
            from search.execution.remote import on_a_gpu

            return on_a_gpu(work, *arguments) if cluster_now().gpus >= 1 else computed(CPU, work, *arguments)

    def stream(self, work: Callable[..., Iterator[_T]], *arguments: Any) -> Iterator[_T]:
        """Compute where `compute` does."""
        if self._config.cluster is None or not self._needs.any_gpu:
            yield from streamed(self._own_device(), work, *arguments)
            return
        with connected(self._config.cluster):
            from search.execution.nodes import cluster_now
            from search.execution.remote import streamed_from_a_gpu

            has_gpu = cluster_now().gpus >= 1
            yield from streamed_from_a_gpu(work, *arguments) if has_gpu else streamed(CPU, work, *arguments)

    def _own_device(self) -> torch.device:
        """What this process computes on."""
        private = self._config.cluster is None
        return default_device() if private and self._config.may_use_gpu else CPU

    def finetune_workers(self) -> Workers:
        """As many as the run needs, or as the cluster has room for by now."""
        return self._finetune_place()[0]

    def _finetune_place(self) -> tuple[Workers, bool]:
        """The workers of the fine-tune, and whether each has a GPU."""
        needs = self._needs
        if self._config.cluster is None:
            assert needs.finetune_workers is not None, "a run ends with a fine-tune"
            return needs.finetune_workers, needs.finetune_gpu
        from search.execution.nodes import cluster_now

        return finetune_place(self._config, cluster_now())

    def finetunes_at_once(self) -> int:
        """As many as the nodes that are there have room for."""
        from search.execution.nodes import cluster_now

        workers, gpu = self._finetune_place()
        return finetunes_at_once(cluster_now(), workers, gpu=gpu)

    def finetune(
        self, job: FinetuneJob, on_epoch: OnEpoch, on_progress: OnProgress, check: Check = unchecked, among: int = 1
    ) -> FinetuneResult:
        """Train by DDP on as many workers as the run needs."""
        from search.execution.nodes import cluster_now
        from trainers.finetune import finetune

        workers, gpu = self._finetune_place()
        if among > 1:
            workers = part_of_range(cluster_now(), workers, gpu=gpu, among=among)
        return finetune(
            job.checkpoint_dir,
            job.dataset,
            job.data_path,
            job.recipe,
            seed=job.seed,
            workers=workers,
            use_gpu=gpu,
            out_dir=job.out_dir,
            storage_dir=self._storage,
            teacher_dir=job.teacher_dir,
            trusted=job.trusted,
            stop_after=job.stop_after,
            on_epoch=on_epoch,
            on_progress=on_progress,
            check=check,
        )
