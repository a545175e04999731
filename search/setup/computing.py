"""Where a run computes what is neither a trial nor its fine-tune: base models, scores of models and of units."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from trainers.devices import computed, streamed
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


class Stream(Protocol):
    """Calls a function that yields, where a GPU is, if the run may use one."""

    def __call__(self, work: Callable[..., Iterator[_T]], *arguments: Any) -> Iterator[_T]:
        """Yield what `work(*arguments, device)` yields, as it comes.

        Args:
            work: a function of a module: it may run in another process.
            arguments: of it, before the device.
        """


def compute_here(work: Callable[..., _T], *arguments: Any) -> _T:
    """Compute in this process, on the GPU if there is one."""
    return computed(default_device(), work, *arguments)


def stream_here(work: Callable[..., Iterator[_T]], *arguments: Any) -> Iterator[_T]:
    """Compute in this process, on the GPU if there is one."""
    return streamed(default_device(), work, *arguments)
