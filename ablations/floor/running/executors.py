"""The executor that a place names."""

from pathlib import Path

from ablations.floor.execution.executor import StudyExecutor
from ablations.floor.running.place import Place
from search.setup.address import PRIVATE, check_answers, ray_address
from search.setup.config import ExecutorName
from search.setup.resources import machine_resources


def executor_at(place: Place, storage: Path, conditions: int) -> StudyExecutor:
    """Return the executor that was asked for.

    Args:
        place: Where.
        storage: A folder for what Ray writes of its own.
        conditions: How many conditions are to be measured.

    Raises:
        ConfigError: The address of the cluster cannot be one.
        ResourceError: No cluster answers there.
    """
    if place.executor is ExecutorName.LOCAL:
        from ablations.floor.execution.local import LocalStudyExecutor

        return LocalStudyExecutor()
    from ablations.floor.execution.on_ray import RayStudyExecutor

    address = ray_address(place.ray_address)
    check_answers(address)
    workers = place.workers or _as_fit(place, conditions)
    return RayStudyExecutor(None if address == PRIVATE else address, workers, place.cpus, place.gpus, storage)


_MOST_WORKERS = 8


def _as_fit(place: Place, conditions: int) -> int:
    """Return how many workers this machine has room for."""
    cpus, gpus = machine_resources()
    room = [cpus / place.cpus, *([gpus / place.gpus] if place.gpus else [])]
    return max(1, min(_MOST_WORKERS, conditions, int(min(room))))
