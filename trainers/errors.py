"""Errors of this room. Every message quotes what was received and says what would work.

Each error takes one string, so it survives pickling on its way from a Ray worker to the driver.
"""


class TrainerError(ValueError):
    """The base of every error of this room."""


class UnknownDatasetError(TrainerError):
    """A dataset name that is not registered."""


class DataPathError(TrainerError):
    """A data path that is missing, empty, of the wrong layout, or given where none is read."""


class RecipeError(TrainerError):
    """A recipe field outside its range, or two fields that contradict each other."""


class ResourcesError(TrainerError):
    """More workers, CPUs or GPUs than the Ray cluster has."""


class DivergedError(TrainerError):
    """The training loss is no longer a finite number."""


class StateError(TrainerError):
    """A training state on disk that cannot be continued from."""


class DamagedStateError(StateError):
    """A training state on disk that cannot be read, or is not as it was written."""


class FinetuneError(TrainerError):
    """The distributed fine-tune failed more often than it may."""
