"""The executor that a place names."""

from pathlib import Path

from ablations.floor.execution.executor import StudyExecutor
from ablations.floor.running.place import Place
from search.setup.address import PRIVATE, check_answers, ray_address
from search.setup.config import ExecutorName


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
    private = address == PRIVATE
    return RayStudyExecutor(None if private else address, place.workers, conditions, place.cpus, place.gpus, storage)
