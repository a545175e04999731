"""The workers of a fine-tune: how many, what each of them has, and whether the cluster has as much."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import ray

from trainers.errors import ResourcesError
from trainers.workers import Workers


@dataclass(frozen=True, slots=True)
class Group:
    """The workers, and what each of them has.

    Attributes:
        gpu: whether each has a GPU.
        cpus: CPUs and torch threads of each.
    """

    workers: Workers
    gpu: bool
    cpus: int

    @classmethod
    def of(cls, workers: int | Workers, *, gpu: bool, cpus: int) -> Self:
        """Make a group that makes sense.

        Raises:
            ResourcesError: it has no worker, or its workers no CPU.
        """
        if cpus < 1:
            raise ResourcesError(f"a fine-tune worker needs at least one CPU, received {cpus}")
        try:
            return cls(Workers.of(workers), gpu, cpus)
        except ValueError as error:
            raise ResourcesError(f"a fine-tune needs at least one worker, received {workers}: {error}") from error

    @property
    def each(self) -> Mapping[str, float]:
        """What each worker has, as Ray counts it."""
        return {"CPU": self.cpus} | ({"GPU": 1} if self.gpu else {})

    def narrowed(self) -> Self:
        """The group, of a range that asks for less at once."""
        return replace(self, workers=self.workers.narrowed())

    def scaling(self, resize_every_s: float) -> dict[str, Any]:
        """What Ray Train is told of it.

        Args:
            resize_every_s: seconds between two looks at whether a range has room for more workers.
        """
        workers, options = self.workers, {"use_gpu": self.gpu, "resources_per_worker": dict(self.each)}
        if workers.is_fixed:
            return {"num_workers": workers.least, **options}
        numbers = (workers.least, workers.most)
        return {"num_workers": numbers, "elastic_resize_monitor_interval_s": resize_every_s, **options}


def check_group(group: Group) -> None:
    """Check that the cluster has what the least number of workers needs: Ray would wait for ever for what it has not.

    Raises:
        ResourcesError: it has less, or there is none.
    """
    if not ray.is_initialized():
        raise ResourcesError("Ray is not running in this process: call ray.init() before the fine-tune")
    available, least = ray.cluster_resources(), group.workers.least
    for kind, each in group.each.items():
        have = available.get(kind, 0)
        if least * each > have:
            raise ResourcesError(
                f"{least} fine-tune workers need {least * each:g} {kind}s and the Ray cluster has {have:g}: "
                + (f"ask for at most {int(have // each)} workers" if have >= each else f"it has no {kind} to give")
            )
