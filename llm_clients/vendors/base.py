"""The interface to a server: one trip gives one reply or one fault. Retries, validation and budgets lie above it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from llm_clients.fault import Fault
from llm_clients.kinds import AnswerMode
from llm_clients.redaction import Redactor
from llm_clients.request import Json, Message, Request, Usage

ANSWER_TOOL = "give_answer"
"""The name of the tool in the mode that requests structure through a tool call."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as one trip sends it.

    Attributes:
        temperature: None also when the model was found not to accept one.
        mode: how `schema` is requested; meaningless without one.
        other_tokens_field: name the limit of tokens by the field that the vendor does not use by itself.
    """

    system: str
    messages: tuple[Message, ...]
    schema: Mapping[str, Json] | None
    max_tokens: int
    temperature: float | None
    mode: AnswerMode
    other_tokens_field: bool = False

    @classmethod
    def of(
        cls, request: Request, mode: AnswerMode, *, takes_temperature: bool, other_tokens_field: bool = False
    ) -> Ask:
        """The request in this mode, without a temperature where the model accepts none."""
        return cls(
            request.system,
            request.messages,
            request.schema,
            request.max_tokens,
            request.temperature if takes_temperature else None,
            mode,
            other_tokens_field,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's answer, before it is validated.

    Attributes:
        model: as the server reported it.
        stop_reason: as the server reported it.
        usage: None when the server reported none.
        truncated: whether the model ran into the token limit.
        refusal: the vendor's or the model's refusal; None if it did not refuse.
        durations_s: the server's own timings, if it reports any.
        cost_usd: what the server says it charged, if it says so.
        thoughts: what the model thought, where the server sends it apart from the text.
        thoughts_field: the field that the thoughts came in.
    """

    text: str
    model: str
    stop_reason: str | None
    usage: Usage | None
    truncated: bool = False
    refusal: str | None = None
    durations_s: Mapping[str, float] | None = None
    cost_usd: float | None = None
    thoughts: str = ""
    thoughts_field: str = ""


class Vendor(ABC):
    """One model at one endpoint. Safe to use from several threads."""

    modes: ClassVar[tuple[AnswerMode, ...]] = (AnswerMode.NATIVE, AnswerMode.TOOL, AnswerMode.PROMPT)
    """The modes that the server may support, best first; it may still reject one with a 400."""

    takes_temperature: ClassVar[bool] = True
    two_tokens_fields: ClassVar[bool] = False
    """Whether servers of this format name the limit of output tokens in two ways."""

    url_hint: ClassVar[str] = "It often ends in /v1, and never in the path of a call"
    """What the base URL of such a server looks like."""

    def __init__(self, model: str, endpoint: str, redactor: Redactor) -> None:
        self.model = model
        self.endpoint = endpoint
        self.redactor = redactor

    @abstractmethod
    def send(self, ask: Ask, timeout_s: float) -> Reply | Fault:
        """Make one trip. Failures of the server or the network are returned as faults and raise nothing."""

    @abstractmethod
    def models(self, timeout_s: float) -> tuple[str, ...] | Fault:
        """The model names that the server lists."""

    def widen(self) -> bool:
        """Have the next trips read a longer prompt, where the client decides on that; False where it cannot."""
        return False

    @abstractmethod
    def close(self) -> None:
        """Release sockets."""
