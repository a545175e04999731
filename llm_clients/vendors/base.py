"""What a server is to us: one trip, one reply or one fault. Retries, validation and budgets live above."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from llm_clients.fault import Fault
from llm_clients.kinds import AnswerMode
from llm_clients.request import Json, Message, Request, Usage

ANSWER_TOOL = "give_answer"
"""Name of the tool on the mode that asks for structure through a tool call."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as one trip sends it.

    Attributes:
        temperature: None also when the model was found not to take one.
        mode: how `schema` is asked for; meaningless without one.
    """

    system: str
    messages: tuple[Message, ...]
    schema: Mapping[str, Json] | None
    max_tokens: int
    temperature: float | None
    mode: AnswerMode

    @classmethod
    def of(cls, request: Request, mode: AnswerMode, *, takes_temperature: bool) -> Ask:
        temperature = request.temperature if takes_temperature else None
        return cls(request.system, request.messages, request.schema, request.max_tokens, temperature, mode)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server said, before it is validated.

    Attributes:
        stop_reason: the server's word.
        truncated: the model ran into the token limit.
        usage: None when the server reported none.
        refusal: the refusal in the vendor's or the model's words; None if it did not refuse.
        cost_usd: what the server says it charged, if it says so.
    """

    text: str
    model: str
    stop_reason: str | None
    usage: Usage | None
    truncated: bool = False
    refusal: str | None = None
    durations_s: Mapping[str, float] | None = None
    cost_usd: float | None = None


class Vendor(ABC):
    """One model behind one endpoint. Safe to use from several threads."""

    modes: ClassVar[tuple[AnswerMode, ...]] = (AnswerMode.NATIVE, AnswerMode.TOOL, AnswerMode.PROMPT)
    """What the server may be able to do, best first; it may still refuse one with a 400."""

    takes_temperature: ClassVar[bool] = True

    def __init__(self, model: str, endpoint: str) -> None:
        self.model = model
        self.endpoint = endpoint

    @abstractmethod
    def send(self, ask: Ask, timeout_s: float) -> Reply | Fault:
        """One trip. Raises nothing for what the server or the network does."""

    @abstractmethod
    def models(self, timeout_s: float) -> tuple[str, ...] | Fault:
        """Names that the server says it has."""

    @abstractmethod
    def close(self) -> None:
        """Release sockets."""
