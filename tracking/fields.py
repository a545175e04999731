"""The field types of payloads: what they accept, and how they are written as JSON.

Integers are strict: a string or a numpy integer is refused. Floats accept whatever converts to a float. A value that is
not finite is written as a string, because JSON has no such numbers.
"""

import math
from collections.abc import Mapping
from datetime import UTC
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, PlainSerializer

from tracking.clock import format_time


def _clean(text: object) -> object:
    """Escape lone surrogates: they cannot be stored as UTF-8, and a language model's broken escape may contain them."""
    return text.encode("utf-8", "backslashreplace").decode() if isinstance(text, str) else text


def _to_json(value: object, where: str = "") -> Any:
    """Convert `value` to JSON types.

    Raises:
        ValueError: It contains something that JSON cannot represent; the message names the place.
    """
    match value:
        case None | bool() | int():
            return value
        case str():
            return _clean(str(value))
        case float():
            return _name_non_finite(value)
        case Mapping():
            return {str(_clean(str(key))): _to_json(item, f"{where}.{key}") for key, item in value.items()}
        case list() | tuple():
            return [_to_json(item, f"{where}[{index}]") for index, item in enumerate(value)]
        case _:
            raise ValueError(
                f"{where.lstrip('.') or 'it'} is a {type(value).__name__}, which JSON cannot represent: {value!r}"
            )


def _name_non_finite(value: float) -> float | str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


Text = Annotated[str, BeforeValidator(_clean)]
Count = Annotated[int, Field(ge=0, strict=True)]
Macs = Annotated[int, Field(ge=1, strict=True)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Real = Annotated[float, PlainSerializer(_name_non_finite)]
Moment = Annotated[AwareDatetime, AfterValidator(lambda time: time.astimezone(UTC)), PlainSerializer(format_time)]
JsonObject = Annotated[dict[str, Any], BeforeValidator(_to_json)]
JsonValue = Annotated[Any, BeforeValidator(_to_json)]
