"""Writes tensors to a file, and tells what the system refuses as any other file's errors are told."""

import re
from collections.abc import Mapping
from os import strerror
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

_ERROR = re.compile(r"\(os error (\d+)\)")


def write_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file, tensor by tensor, so that no copy of all of them is in memory.

    Tensors that share memory, as tied weights do, are each written whole: safetensors refuses them otherwise.

    Raises:
        OSError: the system refuses it, as on a full disk; safetensors itself has one kind of error for everything.
    """
    try:
        save_file(_separate(tensors), path, None if metadata is None else dict(metadata))
    except SafetensorError as error:
        found = _ERROR.search(str(error))
        if found is None:
            raise
        number = int(found[1])
        raise OSError(number, strerror(number), str(path)) from error


def _separate(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, with a copy of each whose memory another one has already."""
    seen: set[int] = set()
    separate = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        separate[name] = tensor.clone() if place in seen and tensor.numel() else tensor
        seen.add(place)
    return separate
