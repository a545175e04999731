"""Computes functions on a GPU of the Ray cluster."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import ray
from ray.exceptions import RayTaskError

from search.execution.devices import own_device

_T = TypeVar("_T")


def on_a_gpu(work: Callable[..., _T], *arguments: Any) -> _T:
    """Return `work(*arguments, device)`, computed in a task that has a GPU for itself.

    Raises:
        Exception: whatever the function raised, as it raised it.
    """
    try:
        return ray.get(_computed.remote(work, *arguments))
    except RayTaskError as error:
        raise error.cause from error


def streamed_from_a_gpu(work: Callable[..., Iterator[_T]], *arguments: Any) -> Iterator[_T]:
    """Yield what `work(*arguments, device)` yields in such a task; who takes no more of it ends the task.

    Raises:
        Exception: whatever the function raised, as it raised it.
    """
    references = _yielded.remote(work, *arguments)
    try:
        for reference in references:
            yield ray.get(reference)
    except RayTaskError as error:
        raise error.cause from error
    finally:
        ray.cancel(references, force=True)


@ray.remote(num_cpus=1, num_gpus=1)  # type: ignore[untyped-decorator]
def _computed(work: Callable[..., Any], *arguments: Any) -> Any:
    return work(*arguments, own_device())


@ray.remote(num_cpus=1, num_gpus=1)  # type: ignore[untyped-decorator]
def _yielded(work: Callable[..., Iterator[Any]], *arguments: Any) -> Iterator[Any]:
    yield from work(*arguments, own_device())
