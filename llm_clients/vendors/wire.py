"""Reads what servers send in several shapes: texts in parts, arguments as objects, and counts that may be anything."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llm_clients.request import Json, Usage

_MOST = 10**12  # a count or a price above this is no measurement


@dataclass(frozen=True, slots=True)
class Parts:
    """A message's content, sorted.

    Attributes:
        text: what is meant as the answer.
        thoughts: what the server marks as the model's thoughts.
        refusal: None without one.
    """

    text: str = ""
    thoughts: str = ""
    refusal: str | None = None


def read_content(content: Json) -> Parts:
    """Sort the content of a message: a text, a list of texts and typed parts, or JSON that the server has parsed."""
    if isinstance(content, list):
        parts = [_read_part(part) for part in content]
        refusals = [part.refusal for part in parts if part.refusal]
        return Parts(
            "".join(part.text for part in parts),
            "\n".join(part.thoughts for part in parts if part.thoughts),
            "\n".join(refusals) or None,
        )
    return _read_part(content)


def arguments_text(arguments: Json) -> str:
    """A tool's arguments as text, in which JSON is looked for as in any other: they come as a string or an object."""
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None or arguments == {} else json.dumps(arguments)


def tool_text(message: Mapping[str, Json]) -> str:
    """The arguments of a message's first tool call that has any, in today's format or that of before tools."""
    calls = message.get("tool_calls")
    listed = calls if isinstance(calls, list) else [calls]
    functions = [call.get("function") for call in listed if isinstance(call, Mapping)]
    for function in (*functions, message.get("function_call")):
        if isinstance(function, Mapping) and (text := arguments_text(function.get("arguments"))):
            return text
    return ""


def first_text(message: Mapping[str, Json], fields: Sequence[str]) -> tuple[str, str]:
    """The first of the fields that holds text, and its name; two empty strings without one."""
    for field in fields:
        found = read_content(message.get(field))
        if text := (found.text or found.thoughts).strip():
            return text, field
    return "", ""


def text_or_none(value: Json) -> str | None:
    """A text that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def usage_of(read: Json, wrote: Json, total: Json = None) -> Usage | None:
    """The tokens of a trip. None if the server does not count both directions, or counts what cannot be."""
    first, second, both = count_of(read), count_of(wrote), count_of(total)
    if first is None and second is not None and both is not None:
        first = both - second
    if second is None and first is not None and both is not None:
        second = both - first
    if first is None or second is None or min(first, second) < 0:
        return None
    return Usage(first, second)


def count_of(value: Json) -> int | None:
    """A whole number that is not negative, also as a text or as 12.0; else None."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(_MOST)):
        value = int(value)
    number = dollars_of(value)
    return None if number is None or number != int(number) else int(number)


def dollars_of(value: Json) -> float | None:
    """A finite number that is not negative; else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _MOST and math.isfinite(value) else None


def _read_part(part: Json) -> Parts:
    if part is None:
        return Parts()
    if not isinstance(part, Mapping):
        return Parts(part if isinstance(part, str) else json.dumps(part))
    kind = str(part.get("type") or "")
    thought = part.get("thinking") or part.get("reasoning")
    if thought or kind in _THOUGHTS:
        inner = read_content(thought or part.get("text") or part.get("summary"))
        return Parts(thoughts=inner.text or inner.thoughts)
    if kind == "refusal" or part.get("refusal"):
        return Parts(refusal=str(part.get("refusal") or part.get("text") or "no reason given"))
    if "text" in part:
        text = part["text"]
        return Parts(str(text["value"])) if isinstance(text, Mapping) and "value" in text else read_content(text)
    if kind or "content" in part:
        return read_content(part.get("content"))
    return Parts(json.dumps(part))


_THOUGHTS = frozenset({"thinking", "reasoning", "reasoning.text", "reasoning.summary", "redacted_thinking", "thought"})
