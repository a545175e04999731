"""What a model returns, however it is nested: every tensor of it, and which one holds the classifier's logits."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence, Set

import torch

from pruning.errors import OutputError, UnsupportedModelError

_PLAIN = (str, bytes, int, float, complex, bool, type(None), torch.dtype, torch.device, torch.Size)
_LOGITS = ("logits", "out")


def tensors_of(output: object) -> list[torch.Tensor]:
    """Every tensor in `output`, in a fixed order, each once.

    Raises:
        UnsupportedModelError: a part of the output is of a kind that cannot be looked into.
    """
    return list(named_tensors(output).values())


def named_tensors(output: object) -> dict[str, torch.Tensor]:
    """Every tensor in `output` by the way that leads to it: `logits`, `features.p1`, `1.0`; a lone tensor is `""`.

    Looks into mappings, sequences, dataclasses, named tuples and plain objects, to any depth. A tensor that is there
    twice is named once.

    Raises:
        UnsupportedModelError: a part of the output is of a kind that cannot be looked into.
    """
    found: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for path, tensor in _walk(output, "", set()):
        if id(tensor) not in seen:
            seen.add(id(tensor))
            found[path] = tensor
    return found


def logits_of(output: object, name: str | None = None) -> torch.Tensor:
    """The tensor that holds the logits: the one called `name`; without a name the only tensor, or the one called
    `logits` or `out`, or the first.

    Raises:
        OutputError: there is no tensor of that name, or none at all; the message lists what there is.
    """
    if isinstance(output, torch.Tensor) and name is None:
        return output
    found = named_tensors(output)
    for wanted in _LOGITS if name is None else (name,):
        if wanted in found:
            return found[wanted]
    if name is None and found:
        return next(iter(found.values()))
    raise OutputError(name, {path: tuple(tensor.shape) for path, tensor in found.items()})


def _walk(value: object, path: str, above: set[int]) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield path, value
        return
    if isinstance(value, _PLAIN):
        return
    if id(value) in above:  # an object that holds itself
        return
    for key, part in _parts(value):
        yield from _walk(part, f"{path}.{key}" if path else str(key), above | {id(value)})


def _parts(value: object) -> Iterator[tuple[object, object]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from zip(value._fields, value, strict=True)
    elif isinstance(value, (Sequence, Set)):
        yield from enumerate(value)
    elif dataclasses.is_dataclass(value):
        yield from ((field.name, getattr(value, field.name, None)) for field in dataclasses.fields(value))
    elif hasattr(value, "__dict__") and not callable(value):
        yield from vars(value).items()
    else:
        raise UnsupportedModelError(
            "", "the model's output", f"it returns a {type(value).__name__}, whose tensors cannot be found"
        )
