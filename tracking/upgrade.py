"""Lines of older formats, read as today's.

Format 1, until November 2026: what the session decided was text; the condition that it had seen and the trial that it
meant stood at the beginning of the reason; and how a call asked for JSON was named `rung`, as a step of the proxy is.
"""

import re
from collections.abc import Mapping
from typing import Any

from tracking.kinds import Condition, DecisionKind, EventKind

_CONDITION = re.compile(rf"({'|'.join(map(re.escape, Condition))}): (.*)", re.DOTALL)
_AGAIN = re.compile(r"trial (\d+): (.*)", re.DOTALL)
_TWIN = re.compile(r".* repeated trial (\d+)", re.DOTALL)


def upgrade(kind: EventKind, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a line of format 1 as they would be written today."""
    match kind:
        case EventKind.DECISION:
            return {**fields, **_decision(str(fields.get("decision")), str(fields.get("reason")))}
        case EventKind.LLM_CALL:
            return {**_moded(fields), "trail": [_moded(trip) for trip in fields.get("trail", ())]}
        case EventKind.RESUMED:
            return {"schema": 1, **fields}
        case _:
            return dict(fields)


def _decision(kind: str, reason: str) -> dict[str, Any]:
    """What stood at the beginning of the reason, in fields of its own."""
    if kind == DecisionKind.RETRIED and (again := _AGAIN.fullmatch(reason)):
        return {"trial": int(again[1]), "reason": again[2]}
    if kind == DecisionKind.REPEATED and (twin := _TWIN.fullmatch(reason)):
        return {"trial": int(twin[1])}
    if seen := _CONDITION.fullmatch(reason):
        return {"condition": seen[1], "reason": seen[2]}
    return {}


def _moded(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"mode" if name == "rung" else name: value for name, value in fields.items()}
