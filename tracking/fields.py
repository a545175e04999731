"""The types of a payload's fields: what they accept, and how they are written as JSON.

Integers are strict: a text or a numpy integer is refused. Floats take what Python takes for one; a value that is not
finite is written as a string, since JSON has no such numbers.
"""

import math
from collections.abc import Mapping
from datetime import UTC
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, PlainSerializer

from tracking.clock import time_text


def _clean(text: object) -> object:
    """Lone surrogates (a model's broken escape) cannot be stored as UTF-8: spell them out instead of failing."""
    return text.encode("utf-8", "backslashreplace").decode() if isinstance(text, str) else text


def _plain(value: object, where: str = "") -> Any:
    """``value`` as JSON has it; raises ValueError that names the place of anything else."""
    match value:
        case None | bool() | int():
            return value
        case str():
            return _clean(str(value))
        case float():
            return value if math.isfinite(value) else _spelled(value)
        case Mapping():
            return {str(_clean(str(key))): _plain(item, f"{where}.{key}") for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
        case _:
            raise ValueError(
                f"{where.lstrip('.') or 'it'} is a {type(value).__name__}, which JSON cannot hold: {value!r}"
            )


def _spelled(value: float) -> float | str:
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
Real = Annotated[float, PlainSerializer(_spelled)]
Moment = Annotated[AwareDatetime, AfterValidator(lambda time: time.astimezone(UTC)), PlainSerializer(time_text)]
JsonObject = Annotated[dict[str, Any], BeforeValidator(_plain)]
JsonValue = Annotated[Any, BeforeValidator(_plain)]
