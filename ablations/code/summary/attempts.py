"""The attempts at a component's patch, as the study's journal holds them."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

_KEY = re.compile(r"component/(?P<name>.+)/attempt/(?P<number>\d+)")


class GateVerdict(BaseModel):
    """What one gate said."""

    model_config = ConfigDict(frozen=True)

    gate: str
    accepted: bool
    reason: str = ""


class Attempt(BaseModel):
    """One call for a patch, and what came of it.

    Attributes:
        component: Which was asked for.
        number: From 1.
        accepted: Whether the patch was.
        outcome: How the attempt ended, in a word or two.
        reason: Why it was not accepted.
        cost_usd: None where no price is known.
        tokens: Of the call, by kind or all together; None where nobody counted.
        gates: The verdicts of all gates that were asked.
        sandbox: What the sandbox said of the smoke run; None if there was none.
    """

    model_config = ConfigDict(frozen=True)

    component: str
    number: int
    accepted: bool
    outcome: str = ""
    reason: str | None = None
    cost_usd: float | None = None
    tokens: int | dict[str, int | None] | None = None
    gates: tuple[GateVerdict, ...] = ()
    sandbox: Any = None

    @property
    def all_tokens(self) -> int | None:
        """The tokens of all kinds together; None where nobody counted."""
        if isinstance(self.tokens, dict):
            counted = [number for number in self.tokens.values() if number is not None]
            return sum(counted) if counted else None
        return self.tokens


def attempts_of(prepared: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[Attempt, ...]]:
    """Return the attempts at each component, in their order. Other entries of the journal are passed over."""
    found: dict[str, list[Attempt]] = {}
    for key, entry in prepared.items():
        if match := _KEY.fullmatch(key):
            name, number = match["name"], int(match["number"])
            found.setdefault(name, []).append(Attempt.model_validate({**entry, "component": name, "number": number}))
    return {name: tuple(sorted(several, key=lambda one: one.number)) for name, several in found.items()}
