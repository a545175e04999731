"""The executor on Ray: Tune's actors for the trials, Ray Train for the fine-tune.

Ray is imported once its session is there: it reads its environment on import.
"""

from contextlib import AbstractContextManager
from pathlib import Path

from search.control.session import SearchSession
from search.execution.cluster import ray_session
from search.execution.executor import Lost
from search.execution.trial import TrialContext
from search.setup.config import RunConfig
from search.setup.resources import Needs
from trainers.job import FinetuneJob, FinetuneResult, OnEpoch
from trainers.progress import OnProgress


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

    def run_trials(self, session: SearchSession, context: TrialContext) -> None:
        """Run the trials by Tune, as many at once as the run needs."""
        from search.execution.tuning import run_trials

        run_trials(
            session,
            context,
            workers=self._needs.trial_workers,
            cpus=self._config.cpus_per_trial,
            gpus=self._config.gpus_per_trial,
            storage=self._storage,
        )

    def finetune(self, job: FinetuneJob, on_epoch: OnEpoch, on_progress: OnProgress) -> FinetuneResult:
        """Train by DDP on as many workers as the run needs."""
        from trainers.finetune import finetune

        return finetune(
            job.checkpoint_dir,
            job.dataset,
            job.data_path,
            job.recipe,
            seed=job.seed,
            workers=self._needs.finetune_workers,
            use_gpu=self._needs.finetune_gpu,
            out_dir=job.out_dir,
            storage_dir=self._storage,
            trusted=job.trusted,
            on_epoch=on_epoch,
            on_progress=on_progress,
        )
