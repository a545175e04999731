"""Where what a run computes besides its trials and its fine-tune is computed: scores of models and units."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from trainers.devices import computed
from trainers.place import default_device

_T = TypeVar("_T")


class Compute(Protocol):
    """Calls a function where a GPU is, if the run may use one."""

    def __call__(self, work: Callable[..., _T], *arguments: Any) -> _T:
        """Return `work(*arguments, device)`.

        Args:
            work: a function of a module: it may run in another process.
            arguments: of it, before the device.
        """


def compute_here(work: Callable[..., _T], *arguments: Any) -> _T:
    """Compute in this process, on the GPU if there is one."""
    return computed(default_device(), work, *arguments)
