"""The executors by name."""

from pathlib import Path

from search.execution.executor import Executor
from search.setup.config import ExecutorName, RunConfig
from search.setup.resources import Needs


def executor_of(config: RunConfig, needs: Needs, storage: Path) -> Executor:
    """Return the executor that the configuration names.

    Args:
        config: of the run.
        needs: workers and resources of each phase.
        storage: a folder for what Ray writes of its own.
    """
    if config.executor is ExecutorName.LOCAL:
        from search.execution.local import LocalExecutor

        return LocalExecutor(trial_gpu=config.gpus_per_trial != 0, finetune_gpu=config.finetune_gpu is not False)
    from search.execution.on_ray import RayExecutor

    return RayExecutor(config, needs, storage)
