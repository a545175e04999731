"""What came of one call to a model: its text, how it ended, what it cost, and what the server took for it."""

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict

from ablations.resources.metering.quantity import Quantity
from ablations.resources.metering.readings import Readings
from llm_clients.kinds import CallOutcome
from llm_clients.request import Usage


class ServerTimings(BaseModel):
    """What the server says of its own time. Ollama counts it in nanoseconds; other servers say nothing.

    Attributes:
        total: from request to answer, waiting included.
        load: until the model was there, waiting for other calls included.
        prompt_eval: reading the prompt.
        eval: writing the answer.
        output_rate: tokens written per second of `eval`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    total: Quantity
    load: Quantity
    prompt_eval: Quantity
    eval: Quantity
    output_rate: Quantity

    @classmethod
    def of(cls, durations_s: Mapping[str, float] | None, usage: Usage | None) -> Self:
        """Read them from a completion."""
        known = durations_s or {}
        told = {name: _told(known.get(name), name) for name in ("total", "load", "prompt_eval", "eval")}
        if usage is None:
            tokens = Quantity.missing("tokens", "the server counted no tokens")
        else:
            tokens = Quantity.measured(usage.output_tokens, "tokens", "as the server counted them")
        return cls(**told, output_rate=tokens.over(told["eval"], "tokens written by the server's own eval_duration"))


def _told(seconds: float | None, name: str) -> Quantity:
    if seconds is None:
        return Quantity.missing("s", f"the server did not report {name}_duration, as Ollama's own API does")
    return Quantity.measured(seconds, "s", f"{name}_duration, as the server reported it")


class Asked(BaseModel):
    """One call, whatever came of it.

    Attributes:
        model: the model's name in this study.
        text: the answer without thoughts; of a truncated one, as far as it came; empty if there is none.
        outcome: how the call ended; only `answered` has a whole answer.
        detail: why it is no answer; empty if it is one.
        served_by: the model as the server reported it.
        usage: tokens as the server counted them, of all trips; None if it did not.
        cost_usd: of all trips; None if it is not known. A server on this machine charges nothing.
        trips: requests that were sent; more than one after faults.
        not_taken: parameters that the model does not take, as "temperature".
        timings: the server's own.
        readings: what was measured of the server from `started` to `ended`.
        started: seconds since 1970.
        ended: `started` plus the duration by the monotonic clock.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    text: str
    outcome: CallOutcome
    detail: str
    served_by: str
    usage: Usage | None
    cost_usd: float | None
    trips: int
    not_taken: tuple[str, ...]
    timings: ServerTimings
    readings: Readings
    started: float
    ended: float

    @property
    def answered(self) -> bool:
        """Whether there is a whole answer."""
        return self.outcome is CallOutcome.ANSWERED
