"""Ray Train's trainer, with the processes that a fine-tune needs and no others.

Its controller imports this file, so that nothing heavier than Ray Train itself is imported here.
"""

from typing import Any

import ray.train.torch
from ray.train.torch.config import _TorchBackend
from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.scaling_policy import FixedScalingPolicy


class ClusterTrainer(ray.train.torch.TorchTrainer):
    """Does without the process that hands out Ray's datasets, for each group of workers: ours read their own."""

    _spared: tuple[type, ...] = (DatasetsCallback,)

    def _create_default_callbacks(self) -> list[Any]:
        return [one for one in super()._create_default_callbacks() if not isinstance(one, self._spared)]


class PrivateTrainer(ClusterTrainer):
    """Also without that which asks a cloud for nodes, and that which frees the room of a controller that was lost.

    Of a session that does not grow, and ends with the run.
    """

    _spared = (DatasetsCallback, PlacementGroupCleanerCallback)

    def _initialize_and_run_controller(self, **given: Any) -> Any:
        if type(given["scaling_policy"]) is FixedScalingPolicy:
            given["scaling_policy"] = _NeverAsking(self.scaling_config)
        return super()._initialize_and_run_controller(**given)


class _NeverAsking(FixedScalingPolicy):
    """Wants its workers from Ray itself, and no more nodes for them."""

    def _send_resource_request(self) -> None: ...

    def _maybe_send_resource_request(self) -> None: ...

    def _cancel_resource_request(self) -> None: ...


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
