"""The shapes that a model takes: one tensor of any number of dimensions, or several by the names of its arguments."""

import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from pruning.errors import InputShapeError

Shape = tuple[int, ...]
"""Without the batch dimension: (3, 224, 224) for an image, (1, 16000) for a signal, (3, 16, 112, 112) for a video."""
InputSize = Shape | tuple[tuple[str, Shape], ...]
"""The shape of the only input; or, of several, each argument's name with its shape."""

LARGEST_SIDE, MOST_CHANNELS = 16_384, 4096
"""Of images: beyond these a model only runs this machine out of memory."""
_MOST_DIMS, _LONGEST, _MOST_INPUTS = 6, 10_000_000, 64
_MOST_ELEMENTS = MOST_CHANNELS * LARGEST_SIDE**2
_NUMBERS = re.compile(r"\d{1,9}(?:[x×]\d{1,9})*", re.IGNORECASE)
_WORKS = "3x224x224, 1x28x28, 1x16000 or, for several inputs, a=3x32x32,b=10 would work"


def parse_input_size(text: str) -> InputSize:
    """Read `1x28x28`, or `a=3x32x32,b=10` for several inputs.

    Raises:
        InputShapeError: it is neither.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) == 1 and "=" not in parts[0]:
        return checked_size(_parse_shape(parts[0], text))
    named = [part.partition("=") for part in parts]
    if not all(equals and name.strip().isidentifier() for name, equals, _ in named):
        raise InputShapeError(f"The input shape {text!r} is no shape, and no list of name=shape: {_WORKS}.")
    return checked_size(tuple((name.strip(), _parse_shape(shape.strip(), text)) for name, _, shape in named))


def _parse_shape(part: str, text: str) -> Shape:
    if not _NUMBERS.fullmatch(part):
        raise InputShapeError(f"The input shape {text!r} has {part!r} where numbers joined by x should be: {_WORKS}.")
    return tuple(int(number) for number in re.split("[x×]", part.lower()))


def input_size_of(value: object) -> InputSize:
    """The input size that a shape, or a mapping of names to shapes, states.

    Raises:
        InputShapeError: it is neither.
    """
    if isinstance(value, Mapping):
        return checked_size(tuple((str(name), _shape_of(shape)) for name, shape in value.items()))
    if isinstance(value, Sequence) and value and isinstance(value[0], Sequence) and not isinstance(value, str):
        return input_size_of(dict(value))
    return checked_size(_shape_of(value))


def _shape_of(value: object) -> Shape:
    if not isinstance(value, Sequence) or not all(type(side) is int for side in value):
        raise InputShapeError(
            f"{value!r} is no shape of an input: give whole numbers without the batch, as (3, 224, 224); for several "
            "inputs a dict of their names, as {'a': (3, 32, 32), 'b': (10,)}"
        )
    return tuple(value)


def checked_size(size: InputSize) -> InputSize:
    """Return `size` if a model can be run with it.

    Raises:
        InputShapeError: it has no dimension, too many of them, or one that is not positive or too large.
    """
    named = named_shapes(size)
    if not 1 <= len(named) <= _MOST_INPUTS or len(named) != len(size if _is_named(size) else (size,)):
        raise InputShapeError(f"{size!r} states no inputs, more than {_MOST_INPUTS}, or one name twice")
    for name, shape in named.items():
        if not 1 <= len(shape) <= _MOST_DIMS or min(shape) < 1 or max(shape) > _LONGEST:
            raise InputShapeError(
                f"the shape {list(shape)} of the input{f' {name!r}' if name else ''} cannot be used: 1 to "
                f"{_MOST_DIMS} dimensions of 1 to {_LONGEST:,} would work, without the batch"
            )
        if math.prod(shape) > _MOST_ELEMENTS:
            raise InputShapeError(f"an input of shape {list(shape)} has {math.prod(shape):,} numbers: too many to run")
    return size


def named_shapes(size: InputSize) -> dict[str, Shape]:
    """The shapes by name; that of an only input is called `""`."""
    if _is_named(size):
        return dict(size)  # type: ignore[arg-type]
    return {"": size}  # type: ignore[dict-item]


def size_text(size: InputSize) -> str:
    """The shapes for people: `3×32×32`, or `a=3×32×32, b=10`."""
    texts = {name: "×".join(map(str, shape)) for name, shape in named_shapes(size).items()}
    return ", ".join(f"{name}={text}" if name else text for name, text in texts.items())


def size_to_json(size: InputSize) -> list[int] | dict[str, list[int]]:
    """The size as JSON values."""
    shapes = {name: list(shape) for name, shape in named_shapes(size).items()}
    return shapes if _is_named(size) else shapes[""]


def size_from_json(value: Any) -> InputSize:
    """The inverse of `size_to_json`; also takes what is a size already."""
    if isinstance(value, Mapping):
        return tuple((str(name), tuple(map(int, shape))) for name, shape in value.items())
    if value and not isinstance(value[0], int):
        return tuple((str(name), tuple(map(int, shape))) for name, shape in value)
    return tuple(map(int, value))


def image_size(size: InputSize) -> tuple[int, int, int]:
    """Channels, height and width of a model that takes one image.

    Raises:
        InputShapeError: it takes something else.
    """
    shape = named_shapes(size).get("")
    if shape is None or len(shape) != 3:
        raise InputShapeError(
            f"This model takes {size_text(size)}, and this works on images: channels × height × width. Other inputs "
            "work in `profile`, in `export` and in the library (espalier.plan, prune and search)."
        )
    channels, height, width = shape
    return channels, height, width


def made_inputs(model: nn.Module, size: InputSize, make: Callable[[Shape], torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Make the inputs of one pass, in the order of the arguments of the model's `forward`.

    Args:
        model: the model that is to take them.
        size: their shapes.
        make: makes one of a shape.

    Raises:
        InputShapeError: an input is named like none of the first arguments of `forward`.
    """
    shapes = named_shapes(size)
    return tuple(make(shapes[name]) for name in ordered_names(model, size))


def ordered_names(model: nn.Module, size: InputSize) -> list[str]:
    """The names of the inputs in the order of the arguments of `forward`; `[""]` for an only input.

    Raises:
        InputShapeError: an input is named like none of the first arguments of `forward`.
    """
    if not _is_named(size):
        return [""]
    shapes = named_shapes(size)
    taken = [
        parameter.name
        for parameter in inspect.signature(model.forward).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    first = taken[: len(shapes)]
    if set(first) != set(shapes):
        raise InputShapeError(
            f"the inputs are called {', '.join(shapes)}, and the first arguments of this model's forward are "
            f"{', '.join(first) or '(none)'}: name each of them"
        )
    return first


def _is_named(size: InputSize) -> bool:
    return bool(size) and not isinstance(size[0], int)
