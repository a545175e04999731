"""One small call that checks whether a model can be used: key, address, name, structured output."""

from __future__ import annotations

from dataclasses import dataclass, replace

from llm_clients.client import LLMClient
from llm_clients.kinds import AnswerMode, CallOutcome
from llm_clients.request import Json, Request


@dataclass(frozen=True, slots=True)
class Probe:
    """The result of a probe.

    Attributes:
        model: as the server reports it.
        mode: how this server takes requests for structured output; None when it did not answer.
        not_sent: parameters that the model does not accept.
        detail: what is wrong, as the vendor says it.
    """

    outcome: CallOutcome
    model: str
    mode: AnswerMode | None
    not_sent: tuple[str, ...]
    latency_s: float
    cost_usd: float | None
    detail: str

    @property
    def usable(self) -> bool:
        """Whether the model gave a valid answer."""
        return self.outcome is CallOutcome.ANSWERED


def probe(client: LLMClient, max_tokens: int = 1024) -> Probe:
    """Ask for a number between 1 and 3 in a JSON object.

    Costs about a hundred tokens; models that always reason first need more, up to `max_tokens`.
    """
    got = client.complete(replace(_QUESTION, max_tokens=max_tokens))
    detail = got.detail or got.validation_error or ""
    return Probe(got.outcome, got.model, got.mode, got.not_sent, got.latency_s, got.cost_usd, detail)


_SCHEMA: Json = {
    "type": "object",
    "properties": {"number": {"type": "integer", "minimum": 1, "maximum": 3}},
    "required": ["number"],
    "additionalProperties": False,
}

_QUESTION = Request.ask(
    'Choose a whole number from 1 to 3 and answer with JSON such as {"number": 2}.',
    schema=_SCHEMA,
    temperature=0.0,
)
