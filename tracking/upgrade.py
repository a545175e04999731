"""Converts ledger lines of older formats to the current one.

Format 1, until November 2026: the reason of a decision began with the condition and the trial that it was about, as
text; and the mode of an LLM call was named `rung`, like a step of the proxy.
"""

import re
from collections.abc import Mapping
from typing import Any

from tracking.kinds import Condition, DecisionKind, EventKind

_CONDITION = re.compile(rf"({'|'.join(map(re.escape, Condition))}): (.*)", re.DOTALL)
_AGAIN = re.compile(r"trial (\d+): (.*)", re.DOTALL)
_TWIN = re.compile(r".* repeated trial (\d+)", re.DOTALL)


def upgrade(kind: EventKind, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the fields of a line of format 1 to the current format."""
    match kind:
        case EventKind.DECISION:
            return {**fields, **_decision(str(fields.get("decision")), str(fields.get("reason")))}
        case EventKind.LLM_CALL:
            return {**_rename_mode(fields), "trail": [_rename_mode(trip) for trip in fields.get("trail", ())]}
        case EventKind.RESUMED:
            return {"schema": 1, **fields}
        case _:
            return dict(fields)


def _decision(kind: str, reason: str) -> dict[str, Any]:
    """Move what the reason began with into fields of its own."""
    if kind == DecisionKind.RETRIED and (again := _AGAIN.fullmatch(reason)):
        return {"trial": int(again[1]), "reason": again[2]}
    if kind == DecisionKind.REPEATED and (twin := _TWIN.fullmatch(reason)):
        return {"trial": int(twin[1])}
    if seen := _CONDITION.fullmatch(reason):
        return {"condition": seen[1], "reason": seen[2]}
    return {}


def _rename_mode(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"mode" if name == "rung" else name: value for name, value in fields.items()}
