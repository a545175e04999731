"""The actor: a worker that measures as Ray Tune runs it."""

from typing import Any

import ray
from ray import tune

from ablations.floor.execution.worker import MeasureWorker, Work
from search.execution.devices import own_device
from search.execution.served import ID_DIGITS, REPORT


class MeasureActor(tune.Trainable):
    """A worker in a process of its own, which Tune gives one condition after another through `reset_config`."""

    def setup(self, config: dict[str, Any], context: Work) -> None:
        """Take up the first condition."""
        actor = ray.get_runtime_context().get_actor_id() or "driver"
        self._worker, self._task = MeasureWorker(context, actor[:ID_DIGITS], own_device), config

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take up the next condition.

        Returns:
            That the actor can be used again.
        """
        self._task = new_config
        return True

    def step(self) -> dict[str, Any]:
        """Measure.

        Returns:
            The report, under REPORT.
        """
        return {REPORT: self._worker.measure(self._task)}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save nothing: a condition that was cut off is measured again."""

    def load_checkpoint(self, checkpoint: str | dict[str, Any] | None) -> None:
        """Load nothing: see `save_checkpoint`."""
