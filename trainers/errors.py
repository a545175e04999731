"""Errors of this room. Every message quotes what was received and says what would work.

Each error takes one string, so it survives pickling on its way from a Ray worker to the driver.
"""

from typing import ClassVar


class TrainerError(ValueError):
    """The base of every error of this room.

    Attributes:
        on_all_workers: whether all workers of a training raise it at the same point, so that none waits for another.
    """

    on_all_workers: ClassVar[bool] = False


class UnknownDatasetError(TrainerError):
    """A dataset name that is not registered."""


class DataPathError(TrainerError):
    """A data path that is missing, empty, of the wrong layout, or given where none is read."""


class RecipeError(TrainerError):
    """A recipe field outside its range, or two fields that contradict each other."""

    on_all_workers = True


class ResourcesError(TrainerError):
    """More workers, CPUs or GPUs than the Ray cluster has."""


class DivergedError(TrainerError):
    """The training loss is no longer a finite number."""

    on_all_workers = True


class DoesNotFitError(TrainerError, MemoryError):
    """A single image whose pass does not fit into a worker's memory."""


class RanOutError(TrainerError, MemoryError):
    """A worker's memory that ran out in a step, where smaller passes may fit: see `trainers.running_out`.

    Attributes:
        images: that a pass had; 0 where the error was read from a file.
    """

    images: int = 0


class StateError(TrainerError):
    """A training state on disk that cannot be continued from."""

    on_all_workers = True


class WorkersDifferError(TrainerError):
    """Workers that do not see the same weights, the same data or the same folder."""

    on_all_workers = True


class TrunkError(TrainerError):
    """Weights that do not fit the trunk of a model."""


class DamagedStateError(StateError):
    """A training state on disk that cannot be read, or is not as it was written."""


class FinetuneError(TrainerError):
    """The distributed fine-tune failed more often than it may."""
