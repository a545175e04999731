"""Ways to spoil a good answer, each a thing that models do."""

from __future__ import annotations

import json

from llm_clients.request import Json
from llm_clients.scripted.script import FaultName


def spoil(text: str, fault: FaultName) -> str:
    """The text as spoilt by `fault`; unchanged for a fault that does not affect text."""
    if fault in (FaultName.CUT_JSON, FaultName.TRUNCATED):
        return text[: max(len(text) // 2, 1)]
    if fault is FaultName.THOUGHT_CUT:
        return f"<think>\nPerhaps {text}? Rather not, for"
    if fault is FaultName.PROSE:
        return f"Here is what I suggest.\n\n{text}\n\nThis keeps the early layers wide."
    if fault is FaultName.WRONG_SCHEMA:
        return json.dumps({"thoughts": "I would rather talk about something else", "given": _parsed(text)})
    if fault is FaultName.OUT_OF_RANGE:
        return json.dumps(_enlarged(_parsed(text)))
    return text


def _parsed(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _enlarged(value: Json) -> Json:
    """The value with every number far above any bound."""
    if isinstance(value, bool) or not isinstance(value, int | float | list | dict):
        return value
    if isinstance(value, list):
        return [_enlarged(item) for item in value]
    if isinstance(value, dict):
        return {key: _enlarged(item) for key, item in value.items()}
    return type(value)(10**9)
