"""The trial actor: a trial worker as Ray Tune runs it."""

from typing import Any

from ground.importing import without_collection

with without_collection():  # each actor is a process of its own, which imports all of this
    import ray
    import torch
    from ray import tune

    from search.execution.devices import own_device
    from search.execution.served import ID_DIGITS, REPORT
    from search.execution.trial import Trials, TrialWorker


class TrialActor(tune.Trainable):
    """A trial worker in a process of its own.

    Tune gives the same actor its next trial through `reset_config`, so that models, scores and data, which lie in Ray's
    object store once, are loaded once per actor.
    """

    def setup(self, config: dict[str, Any], context: Trials) -> None:
        """Load what all trials share, and take up the first trial."""
        torch.set_num_threads(context.threads)
        actor = ray.get_runtime_context().get_actor_id() or "driver"
        self._worker = TrialWorker(context, actor[:ID_DIGITS], own_device)
        self._worker.begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take up the next trial.

        Returns:
            That the actor can be used again.
        """
        self._worker.begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train to the next rung.

        Returns:
            The report, under REPORT.
        """
        return {REPORT: self._worker.step()}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save nothing: a trial is seconds long, and an interrupted one starts again from its proposal."""

    def load_checkpoint(self, checkpoint: str | dict[str, Any] | None) -> None:
        """Load nothing: see `save_checkpoint`."""
