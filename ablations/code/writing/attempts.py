"""One attempt to write a patch, as the journal keeps it, and what came of all attempts at a component."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from ablations.code.source.errors import CodeStudyError
from ablations.code.source.patches import Patch
from ablations.code.trials.records import Said
from ablations.code.trials.rulings import GateSaid
from ablations.floor.journal import Facts


class NoPatchError(CodeStudyError):
    """A component has no accepted patch, so that nothing can be measured without it."""


class Attempt(BaseModel):
    """One attempt.

    Attributes:
        answer: The model's raw text, or what the rules wrote.
        model: Who wrote it.
        cost_usd: None where no price is known.
        tokens: None where nobody counted.
        outcome: Of the call, as `llm_clients.kinds.CallOutcome`; `lost` for an answer that never arrived here, `rule`
            for a patch that no model wrote.
        gates: What each gate says, as far as they were asked.
        sandbox: What the sandbox says of the smoke run; None if there was none.
        accepted: Whether the patch is used.
        reason: Why it is not; empty if it is.
        trace: Of the smoke run, if something was raised in it.
        patch: None if the answer holds none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer: str
    model: str
    cost_usd: float | None
    tokens: int | None
    outcome: str
    gates: tuple[GateSaid, ...] = ()
    sandbox: Said | None = None
    accepted: bool = False
    reason: str = ""
    trace: str = ""
    patch: dict[str, Any] | None = None

    @property
    def complaint(self) -> str:
        """What the next attempt is told: the reason, and the trace below it."""
        return f"{self.reason}\n{self.trace}".strip()


def attempt_key(component: str, number: int) -> str:
    """Return the key of an attempt, from 1."""
    return f"component/{component}/attempt/{number}"


def attempts_at(prepared: Mapping[str, Facts], component: str) -> tuple[Attempt, ...]:
    """Return all attempts at a component, in order."""
    found: list[Attempt] = []
    while (facts := prepared.get(attempt_key(component, len(found) + 1))) is not None:
        found.append(Attempt.model_validate(facts))
    return tuple(found)


def accepted_patch(prepared: Mapping[str, Facts], component: str) -> Patch:
    """Return the patch that is used.

    Raises:
        NoPatchError: There is none; the message says why.
    """
    attempts = attempts_at(prepared, component)
    if attempts and attempts[-1].accepted:
        return Patch.model_validate(attempts[-1].patch)
    why = [f"attempt {number}: {attempt.reason}" for number, attempt in enumerate(attempts, start=1)]
    unasked = prepared.get(unasked_key(component, len(attempts) + 1))
    why += [] if unasked is None else [str(unasked["reason"])]
    raise NoPatchError(f"no accepted patch takes {component} away ({'; '.join(why) or 'none was written'})")


def unasked_key(component: str, number: int) -> str:
    """Return the key of an attempt that was not made, and why."""
    return f"unasked/{component}/{number}"
