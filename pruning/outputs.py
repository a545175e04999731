"""What a model returns, however it is nested: every tensor of it, and which one holds the classifier's logits."""

import dataclasses
import enum
from collections.abc import Iterator, Mapping, Sequence, Set

import torch
from torch import nn

from pruning.errors import LogitsError, OutputError, UnsupportedModelError
from pruning.models import ModelSpec

_PLAIN = (
    *(str, bytes, int, float, complex, bool, type(None), enum.Enum),
    *(torch.dtype, torch.device, torch.Size),
)
_LOGITS = ("logits", "out")
_IMAGES = 2
"""Of one image alone, an output that lost its first dimension to a `squeeze` could pass for another."""


def tensors_of(output: object) -> list[torch.Tensor]:
    """Every tensor in `output`, in a fixed order, each once.

    Raises:
        UnsupportedModelError: a part of the output is of a kind that cannot be looked into.
    """
    return list(named_tensors(output).values())


def named_tensors(output: object) -> dict[str, torch.Tensor]:
    """Every tensor in `output` by the way that leads to it: `logits`, `features.p1`, `1.0`; a lone tensor is `""`.

    Looks into mappings, sequences, dataclasses, named tuples and plain objects, to any depth. A tensor that is there
    twice is named once; where two ways read alike (`{"a.b": …, "a": {"b": …}}`), the later one ends in `'`.

    Raises:
        UnsupportedModelError: a part of the output is of a kind that cannot be looked into.
    """
    found: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for path, tensor in _walk(output, "", set()):
        if id(tensor) not in seen:
            seen.add(id(tensor))
            found[_free(path, found)] = tensor
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
    return found[_place(found, name)]


def heads_of(output: object, name: str | None = None) -> list[torch.Tensor]:
    """The logits first and, unless they were named, every other tensor of their shape: the second head of a distilled
    DeiT, an auxiliary classifier. Features have other shapes.

    Raises:
        OutputError: as `logits_of`.
    """
    logits = logits_of(output, name)
    if name is not None or isinstance(output, torch.Tensor):
        return [logits]
    return [logits, *(other for other in tensors_of(output) if other is not logits and other.shape == logits.shape)]


def check_logits(model: nn.Module, spec: ModelSpec) -> None:
    """Run `model`, which is in eval mode, on black images of the spec's size, and look at what it returns.

    Raises:
        OutputError: its logits are not there, or are not one number for each image and class.
        UnsupportedModelError: it does not run on several images.
    """
    images = torch.zeros(_IMAGES, *spec.input_size)
    try:
        with torch.inference_mode():
            output = model(images)
    except Exception as problem:
        reason = " ".join(f"{type(problem).__name__}: {problem}".split())[:300]
        raise UnsupportedModelError("", f"forward of {_IMAGES} images", reason) from problem
    found = named_tensors(output)
    place, wanted = _place(found, spec.output), (_IMAGES, spec.num_classes)
    if tuple(found[place].shape) != wanted:
        raise LogitsError(place, _shapes(found), wanted)


def _place(found: Mapping[str, torch.Tensor], name: str | None) -> str:
    """The name of the tensor that holds the logits."""
    wanted = (*_LOGITS, *list(found)[:1]) if name is None else (name,)
    for place in wanted:
        if place in found:
            return place
    raise OutputError(name, _shapes(found))


def _shapes(found: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {path: tuple(tensor.shape) for path, tensor in found.items()}


def _free(path: str, taken: Mapping[str, torch.Tensor]) -> str:
    while path in taken:
        path += "'"
    return path


def _walk(value: object, path: str, above: set[int]) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield path, value
        return
    if _plain(value):
        return
    if id(value) in above:  # an object that holds itself
        return
    for key, part in _parts(value):
        yield from _walk(part, f"{path}.{key}" if path else str(key), above | {id(value)})


def _plain(value: object) -> bool:
    """Whether no tensor can be in it. A set is looked at as a whole: what is in it has no order."""
    return isinstance(value, _PLAIN) or (isinstance(value, Set) and all(_plain(part) for part in value))


def _parts(value: object) -> Iterator[tuple[object, object]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from zip(value._fields, value, strict=True)
    elif isinstance(value, Sequence):
        yield from enumerate(value)
    elif dataclasses.is_dataclass(value):
        yield from ((field.name, getattr(value, field.name, None)) for field in dataclasses.fields(value))
    elif hasattr(value, "__dict__") and not callable(value):
        yield from vars(value).items()
    else:
        raise UnsupportedModelError(
            "", "the model's output", f"it returns a {type(value).__name__}, whose tensors cannot be found"
        )
