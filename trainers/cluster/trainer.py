"""Ray Train's trainer, with the processes that a fine-tune needs and no others.

Its controller imports this file, so that nothing heavier than Ray Train itself is imported here.
"""

from typing import Any

import ray.train.torch
from ray.train.torch.config import _TorchBackend


class ClusterTrainer(ray.train.torch.TorchTrainer):
    """Does without the process that hands out Ray's datasets, for each group of workers: ours read their own.

    What is left out is known by its name, so that a version of Ray that has it under another starts it as ever.
    """

    _spared: tuple[str, ...] = ("DatasetsCallback",)

    def _create_default_callbacks(self) -> list[Any]:
        return [one for one in super()._create_default_callbacks() if type(one).__name__ not in self._spared]


class PrivateTrainer(ClusterTrainer):
    """Also without that which asks a cloud for nodes, and that which frees the room of a controller that was lost.

    Of a session that does not grow, and ends with the run. A range of workers keeps the first, which tells it what
    there is room for.
    """

    _spared = ("DatasetsCallback", "PlacementGroupCleanerCallback")

    def _initialize_and_run_controller(self, *args: Any, **given: Any) -> Any:
        policy = given.get("scaling_policy")
        if type(policy).__name__ == "FixedScalingPolicy":
            for name in _REQUESTS:
                if hasattr(policy, name):
                    setattr(policy, name, _ask_nobody)
        return super()._initialize_and_run_controller(*args, **given)


_REQUESTS = ("_send_resource_request", "_maybe_send_resource_request", "_cancel_resource_request")
"""Methods by which a policy asks for nodes that its workers need."""


def _ask_nobody() -> None:
    """Stand in for each of them; pickled by name, on its way to the controller."""


class _NoGroup(_TorchBackend):
    """Ray's preparation of its workers without the process group, whose store would listen on all interfaces."""

    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        """Leave it to the workers themselves, see `trainers.loopback`."""


class OwnGroup(ray.train.torch.TorchConfig):
    """Of workers that meet on loopback."""

    @property
    def backend_cls(self) -> type[_NoGroup]:
        """The preparation."""
        return _NoGroup
