"""Random answers that fit the requested schema, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Mapping

from llm_clients.errors import ScriptError
from llm_clients.request import Json


def improvise(schema: Mapping[str, Json], prompt: str, seed: int) -> Json:
    """A value that satisfies a schema of the kind that models are given; the same for the same prompt and seed.

    Supports `type`, `properties`, `items`, bounds, `enum`, `const`, `$ref` and the first branch of `anyOf`.

    Raises:
        ScriptError: the schema has an unknown type.
    """
    dice = random.Random(f"{seed}:{prompt}")  # noqa: S311 - a rehearsal
    return _value(schema, schema.get("$defs", {}), dice)


def _value(schema: Mapping[str, Json], definitions: Mapping[str, Json], dice: random.Random) -> Json:
    if "$ref" in schema:
        return _value(definitions[schema["$ref"].rpartition("/")[2]], definitions, dice)
    if "anyOf" in schema:
        return _value(schema["anyOf"][0], definitions, dice)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return dice.choice(schema["enum"])
    return _typed(schema, definitions, dice)


def _typed(schema: Mapping[str, Json], definitions: Mapping[str, Json], dice: random.Random) -> Json:
    match schema.get("type"):
        case "object":
            return {name: _value(part, definitions, dice) for name, part in schema.get("properties", {}).items()}
        case "array":
            return _array(schema, definitions, dice)
        case "integer":
            low = int(schema.get("minimum", 0))
            return dice.randint(low, int(schema.get("maximum", low + 10)))
        case "number":
            return _number(schema, dice)
        case "string":
            return "A scripted server improvised this."[: schema.get("maxLength", 100)]
        case "boolean":
            return dice.random() < 0.5
        case "null":
            return None
    raise ScriptError(f"cannot improvise for the schema {dict(schema)!r}: give answers instead")


def _array(schema: Mapping[str, Json], definitions: Mapping[str, Json], dice: random.Random) -> list[Json]:
    least = schema.get("minItems", 1)
    count = dice.randint(least, min(schema.get("maxItems", least + 3), least + 3))
    return [_value(schema.get("items", {"type": "null"}), definitions, dice) for _ in range(count)]


def _number(schema: Mapping[str, Json], dice: random.Random) -> float:
    """A number with three decimals, as a model would write it, strictly between the bounds if there are two."""
    low = float(schema.get("minimum", schema.get("exclusiveMinimum", 0.0)))
    high = float(schema.get("maximum", schema.get("exclusiveMaximum", low + 1.0)))
    value = round(low + (high - low) * dice.uniform(0.05, 0.95), 3)
    return value if low < value < high else (low + high) / 2
