"""The device of a process that a scheduler placed: what it was given, and none of the other GPUs of its machine.

Ray sets CUDA_VISIBLE_DEVICES only for a process that was given a GPU. One that was given none sees them all, and code
that takes the first GPU wherever there is one would put every such process on the same.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch

from trainers.errors import ResourcesError

VISIBLE = "CUDA_VISIBLE_DEVICES"
CPU = torch.device("cpu")
_T = TypeVar("_T")


def claim_device(given: Sequence[str]) -> torch.device:
    """Hide the GPUs that this process was not given, and return what it computes on.

    To be called once, before anything in the process computes on a GPU.

    Args:
        given: the ids of its GPUs, as `ray.get_gpu_ids` tells them.

    Raises:
        ResourcesError: it was given a GPU that torch cannot use.
    """
    if not given:
        os.environ[VISIBLE] = ""
        return CPU
    return usable_gpu(index_among(given[0], os.environ.get(VISIBLE)))


def index_among(gpu: str, visible: str | None) -> int:
    """Return torch's number of a GPU: its place among those that the process sees.

    Args:
        gpu: its id: a number, or a name such as `GPU-8932f937` or `MIG-…`.
        visible: the value of CUDA_VISIBLE_DEVICES; None if it is not set, and all are visible.

    Raises:
        ResourcesError: the process does not see it.
    """
    if visible is None and gpu.isdecimal():
        return int(gpu)
    seen = [name.strip() for name in (visible or "").split(",")]
    if gpu not in seen:
        raise ResourcesError(
            f"this process was given GPU {gpu}, and {VISIBLE} is {visible!r}: leave that variable to Ray, or set it "
            "where Ray is started"
        )
    return seen.index(gpu)


def usable_gpu(index: int) -> torch.device:
    """Return a GPU by torch's number, as the current one of this process.

    Raises:
        ResourcesError: torch sees no such GPU.
    """
    there = torch.cuda.device_count()
    if index >= there:
        raise ResourcesError(
            f"this process was given GPU {index} of those that it sees, and torch {torch.__version__} can use {there}: "
            "install a torch with CUDA on every node, or run without GPUs (--gpus-per-trial 0 --no-finetune-gpu)"
        )
    device = torch.device("cuda", index)
    torch.cuda.set_device(device)
    return device


def computed(device: torch.device, work: Callable[..., _T], *arguments: Any) -> _T:
    """Return `work(*arguments, device)`, and leave no memory of a GPU to this process: others will need it."""
    try:
        return work(*arguments, device)
    finally:
        if device.type == "cuda":
            torch.cuda.empty_cache()


def streamed(device: torch.device, work: Callable[..., Iterator[_T]], *arguments: Any) -> Iterator[_T]:
    """Yield what `work(*arguments, device)` yields, and leave no memory of a GPU to this process."""
    try:
        yield from work(*arguments, device)
    finally:
        if device.type == "cuda":
            torch.cuda.empty_cache()
