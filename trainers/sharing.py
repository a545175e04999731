"""What rank 0 alone reads, given to every worker: a network file system may show each of them another file."""

import json
from collections.abc import Callable

import torch
from torch import Tensor

from trainers.errors import StateError
from trainers.place import Place
from trainers.state import SavedState


def shared_state(place: Place, read: Callable[[], SavedState | None]) -> SavedState | None:
    """Read a state on rank 0, and give it to all workers; a failure, too, or they would wait for ever.

    Args:
        place: this worker.
        read: is called on rank 0 only.

    Raises:
        StateError: rank 0 could not read it, or refuses it.
    """
    if place.world == 1:
        return read()
    found, told = None, {}
    if place.is_main:
        try:
            found = read()
            told = {} if found is None else _described(found)
        except Exception as error:  # noqa: BLE001  a boundary: all workers raise it
            told = {"refused": str(error) or type(error).__name__}
    told = json.loads(place.broadcast_text(json.dumps(told)))
    if not told:
        return None
    if "refused" in told:
        raise StateError(told["refused"])
    tensors = {}
    for name, dtype, shape in told["tensors"]:
        given = None if found is None else found.tensors[name]
        tensors[name] = _broadcast(place, given, getattr(torch, dtype), shape)
    return SavedState(told["metadata"], tensors)


def _described(found: SavedState) -> dict[str, object]:
    tensors = [(name, str(t.dtype).removeprefix("torch."), list(t.shape)) for name, t in found.tensors.items()]
    return {"metadata": dict(found.metadata), "tensors": tensors}


def _broadcast(place: Place, given: Tensor | None, dtype: torch.dtype, shape: list[int]) -> Tensor:
    """Rank 0's tensor on the CPU of every worker. It goes as bytes: a process group does not know every type."""
    tensor = torch.empty(shape, dtype=dtype) if given is None else given.contiguous()
    if tensor.numel() == 0:
        return tensor
    raw = place.broadcast(tensor.flatten().view(torch.uint8).to(place.device))
    return raw.cpu().view(dtype).reshape(shape)
