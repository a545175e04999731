"""A model's output, however nested: all its tensors, and which of them holds the classifier's logits."""

import dataclasses
import enum
from collections.abc import Iterator, Mapping, Sequence, Set

import torch
from torch import nn

from pruning.errors import LogitsError, OutputError, UnsupportedModelError, describe_exception
from pruning.inputs import made_inputs
from pruning.models import ModelSpec

_PLAIN = (
    *(str, bytes, int, float, complex, bool, type(None), enum.Enum),
    *(torch.dtype, torch.device, torch.Size),
)
_LOGITS = ("logits", "out")
_IMAGES = 2
"""More than one: for a single image, an output that lost its batch dimension to a `squeeze` could pass as valid."""


def tensors_of(output: object) -> list[torch.Tensor]:
    """Every tensor in `output`, in a fixed order, each once.

    Raises:
        UnsupportedModelError: a part of the output has a type that cannot be searched for tensors.
    """
    return list(named_tensors(output).values())


def named_tensors(output: object) -> dict[str, torch.Tensor]:
    """Every tensor in `output` by its path: `logits`, `features.p1`, `1.0`; a lone tensor is `""`.

    Searches mappings, sequences, dataclasses, named tuples and plain objects, to any depth. A tensor that occurs twice
    is named once. Where two paths read alike (`{"a.b": …, "a": {"b": …}}`), the later one ends in `'`.

    Raises:
        UnsupportedModelError: a part of the output has a type that cannot be searched for tensors.
    """
    found: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for path, tensor in _walk(output, "", set()):
        if id(tensor) not in seen:
            seen.add(id(tensor))
            found[_unused_name(path, found)] = tensor
    return found


def logits_of(output: object, name: str | None = None) -> torch.Tensor:
    """The tensor that holds the logits.

    Args:
        output: what the model returned.
        name: the tensor's path. None takes the only tensor, else the one called `logits` or `out`, else the first.

    Raises:
        OutputError: there is no tensor of that name, or none at all; the message lists the tensors that there are.
    """
    if isinstance(output, torch.Tensor) and name is None:
        return output
    found = named_tensors(output)
    return found[_logits_name(found, name)]


def heads_of(output: object, name: str | None = None) -> list[torch.Tensor]:
    """The logits and, unless they were named, every other tensor of the same shape.

    These are the second head of a distilled DeiT, or an auxiliary classifier; features have other shapes.

    Raises:
        OutputError: as `logits_of`.
    """
    logits = logits_of(output, name)
    if name is not None or isinstance(output, torch.Tensor):
        return [logits]
    return [logits, *(other for other in tensors_of(output) if other is not logits and other.shape == logits.shape)]


def check_logits(model: nn.Module, spec: ModelSpec) -> None:
    """Run `model`, which is in eval mode, on black images of the spec's size, and check its output.

    Raises:
        OutputError: the logits are missing, or are not one number for each image and class.
        UnsupportedModelError: the model does not run on several images.
    """
    images = made_inputs(model, spec.input_size, lambda shape: torch.zeros(_IMAGES, *shape))
    try:
        with torch.inference_mode():
            output = model(*images)
    except Exception as error:
        raise UnsupportedModelError("", f"forward of {_IMAGES} images", describe_exception(error)) from error
    found = named_tensors(output)
    name, wanted = _logits_name(found, spec.output), (_IMAGES, spec.num_classes)
    if tuple(found[name].shape) != wanted:
        raise LogitsError(name, _shapes(found), wanted)


def _logits_name(found: Mapping[str, torch.Tensor], name: str | None) -> str:
    """The name of the tensor that holds the logits."""
    candidates = (*_LOGITS, *list(found)[:1]) if name is None else (name,)
    for candidate in candidates:
        if candidate in found:
            return candidate
    raise OutputError(name, _shapes(found))


def _shapes(found: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {path: tuple(tensor.shape) for path, tensor in found.items()}


def _unused_name(path: str, taken: Mapping[str, torch.Tensor]) -> str:
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
    """Whether it cannot contain a tensor. A set is judged as a whole, because its elements have no order."""
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
