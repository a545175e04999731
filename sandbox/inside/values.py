"""Values on their way between the program that is judged and its referee: plain data, or a handle.

What arrives is made of the exact built-in types, so that nothing the program returned can bring its own `__eq__`. Any
other object stays where it is; its handle travels.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

_EXACT = 2**53
_SCALARS: Mapping[str, Callable[[Any], Any]] = {
    "i": lambda body: int(body, 16),
    "b": bytes.fromhex,
    "c": lambda body: complex(float(body[0]), float(body[1])),
}
_TAGS: Mapping[Any, str] = {list: "l", tuple: "t", set: "s", frozenset: "f"}


def pack(value: Any, handle_of: Callable[[Any], int]) -> Any:
    """Turn a value into JSON.

    Args:
        value: any object. Instances of subclasses of plain types travel as the plain type.
        handle_of: the handle of an object that is not plain; may raise TypeError.
    """
    if value is None or isinstance(value, bool):
        return value
    if _is_enum(value):
        return {"h": handle_of(value), "n": type(value).__name__}
    if isinstance(value, int | float | str | bytes | bytearray | complex):
        return _of_scalar(value)
    if isinstance(value, dict):
        return {"d": [[pack(key, handle_of), pack(item, handle_of)] for key, item in dict.items(value)]}
    for kind, tag in _TAGS.items():
        if isinstance(value, kind):
            return {tag: [pack(item, handle_of) for item in value]}
    if (found := _of_the_library(value)) is not None:
        name, parts = found
        return {"x": name, "p": [pack(part, handle_of) for part in parts]}
    return {"h": handle_of(value), "n": type(value).__name__}


def _of_scalar(value: Any) -> Any:
    if isinstance(value, int):
        return int(value) if -_EXACT < value < _EXACT else {"i": format(int(value), "x")}
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        return value
    if isinstance(value, complex):
        return {"c": [value.real, value.imag]}
    return {"b": bytes(value).hex()}


def unpack(packed: Any, object_of: Callable[[int, str], Any]) -> Any:
    """Turn JSON back into a value.

    Args:
        packed: what `pack` returned, on the other side.
        object_of: what stands for a handle here, by its number and the name of its type.

    Raises:
        ValueError, TypeError, KeyError, ArithmeticError: it is not of that form.
    """
    if not isinstance(packed, dict):
        if packed is None or isinstance(packed, bool | int | float | str):
            return packed
        raise TypeError("no packed value")
    if "h" in packed:
        return object_of(int(packed["h"]), str(packed.get("n", "object")))
    if "x" in packed:
        return _from_the_library(str(packed["x"]), [unpack(part, object_of) for part in packed["p"]])
    ((tag, body),) = packed.items()
    if tag == "d":
        return {unpack(key, object_of): unpack(item, object_of) for key, item in body}
    for kind, its_tag in _TAGS.items():
        if tag == its_tag:
            return kind(unpack(item, object_of) for item in body)
    return _SCALARS[tag](body)


def _is_enum(value: Any) -> bool:
    module = sys.modules.get("enum")
    return module is not None and isinstance(value, module.Enum)


def _of_the_library(value: Any) -> tuple[str, list[Any]] | None:
    kind = type(value)
    if kind is range:
        return "range", [value.start, value.stop, value.step]
    if kind.__module__ == "collections" and kind.__name__ == "deque":
        return "deque", [list(value), value.maxlen]
    if kind.__module__ == "decimal" and kind.__name__ == "Decimal":
        return "Decimal", [str(value)]
    if kind.__module__ == "fractions" and kind.__name__ == "Fraction":
        return "Fraction", [value.numerator, value.denominator]
    return None


def _from_the_library(name: str, parts: list[Any]) -> Any:
    if name == "range":
        return range(*parts)
    if name == "deque":
        from collections import deque

        return deque(*parts)
    if name == "Decimal":
        from decimal import Decimal

        return Decimal(*parts)
    if name == "Fraction":
        from fractions import Fraction

        return Fraction(*parts)
    raise ValueError(f"no kind {name}")
