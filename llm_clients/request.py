"""One exchange with a language model: what is asked (`Request`) and what came of it (`Completion`)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Self, TypeAlias

from llm_clients.kinds import AnswerForm, AnswerMode, CallOutcome
from llm_clients.redaction import redact, redact_json

Json: TypeAlias = Any
"""A JSON value: None, bool, int, float, str, list or dict with string keys."""


class Role(StrEnum):
    """Who wrote a message."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask.

    Attributes:
        system: instructions; may be empty.
        messages: the conversation so far; the last message is the user's.
        schema: JSON schema that the answer must satisfy, or None for free text. Every server can enforce a flat one
            with all fields required.
        max_tokens: limit of output tokens, reasoning included.
        temperature: sent only where the model takes one; otherwise `Completion.not_sent` says so.
        reword: what to answer once, as the user, if the model refuses; None accepts the first refusal.
    """

    system: str
    messages: tuple[Message, ...]
    schema: Mapping[str, Json] | None = None
    max_tokens: int = 4096
    temperature: float | None = None
    reword: str | None = None

    @classmethod
    def ask(cls, prompt: str, *, system: str = "", **options: Any) -> Self:
        """A request with a single user message."""
        return cls(system=system, messages=(Message(Role.USER, prompt),), **options)

    def to_json(self) -> dict[str, Json]:
        """The request as a JSON object, without anything that looks like a key."""
        messages = [{"role": m.role.value, "content": redact(m.content)} for m in self.messages]
        return {
            "system": redact(self.system),
            "messages": messages,
            "schema": None if self.schema is None else dict(self.schema),
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "reword": self.reword,
        }

    @classmethod
    def from_json(cls, payload: Mapping[str, Json]) -> Self:
        """The inverse of `to_json`, for a request without anything that looked like a key."""
        messages = tuple(Message(Role(m["role"]), m["content"]) for m in payload["messages"])
        return cls(**{**payload, "messages": messages})

    def fingerprint(self) -> str:
        """SHA-256 of the redacted request: the same before it is written to a ledger and after it is read back."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counted them, of one attempt or summed over all attempts of a call."""

    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens)

    @property
    def total(self) -> int:
        """Tokens of both directions."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Attempt:
    """One trip to the server.

    Attributes:
        result: a `CallOutcome`, or the kind of fault that ended the trip.
        mode: how structured output was requested.
        detail: the vendor's or the validator's message, redacted.
        text: the raw answer, if there was one.
        usage: None when the server reported none.
        latency_s: from sending to the last byte, without the client's own waiting.
        slept_s: how long the client waited between this attempt and the next one.
        problem: why an invalid answer is invalid: "parse_error", "schema_error" or "out_of_range".
        cost_usd: None if not known.
        reserved_tokens: the most that the trip may have used, where nobody counted; else None.
        reserved_usd: the most that it may have cost, where nobody counted; None also without a price.
    """

    result: str
    mode: AnswerMode
    detail: str = ""
    text: str = ""
    usage: Usage | None = None
    latency_s: float = 0.0
    slept_s: float = 0.0
    problem: str | None = None
    cost_usd: float | None = None
    reserved_tokens: int | None = None
    reserved_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What came of a request. Text, JSON and errors of a vendor are redacted when this is made.

    Attributes:
        value: the parsed and validated answer (the text itself when no schema was given); None unless answered.
        text: the raw last answer, also when it is invalid.
        stop_reason: as the server reported it.
        usage: tokens summed over all attempts; None if one of them may have used tokens that nobody counted.
        latency_s: wall time of the whole call, waiting included.
        cost_usd: of all attempts; None when the model's price is not known, or what one of them used.
        attempts: trips to the server; `trail` has one entry for each.
        model: as the server reported it; as requested when it reported none.
        detail: why the outcome is not `answered`, with the vendor's message where there is one.
        validation_error: the validator's message about the last answer.
        form: how the answer was found in the text: "json", "fenced" or "prose".
        not_sent: parameters of the request that this model does not accept.
        durations_s: the server's own timings (Ollama: load, prompt_eval, eval, total), None if it reports none.
        resources: what the server's processes on this machine used during the call, None if not measurable.
    """

    outcome: CallOutcome
    model: str
    text: str = ""
    value: Json = None
    stop_reason: str | None = None
    usage: Usage | None = Usage()
    latency_s: float = 0.0
    cost_usd: float | None = None
    attempts: int = 0
    validation_error: str | None = None
    detail: str = ""
    mode: AnswerMode | None = None
    form: AnswerForm | None = None
    not_sent: tuple[str, ...] = ()
    trail: tuple[Attempt, ...] = ()
    durations_s: Mapping[str, float] | None = None
    resources: Mapping[str, float | None] | None = field(default=None)

    @property
    def answered(self) -> bool:
        """Whether there is a value."""
        return self.outcome is CallOutcome.ANSWERED

    @property
    def scripted(self) -> bool:
        """Whether a scripted server answered, by the name that it reports, so that it is not mistaken for a model."""
        return self.model.startswith("scripted")

    def to_json(self) -> dict[str, Json]:
        """A JSON object with every field, `scripted` beside them, and nothing that looks like a key."""
        payload: dict[str, Json] = redact_json(json.loads(json.dumps(asdict(self))))
        return {**payload, "scripted": self.scripted}

    @classmethod
    def from_json(cls, payload: Mapping[str, Json]) -> Self:
        """The inverse of `to_json`. Other keys of a ledger event are ignored."""
        known = {name: payload[name] for name in cls.__dataclass_fields__ if name in payload}
        counted = known.pop("usage", {})
        usage = None if counted is None else Usage(**counted)
        trail = tuple(_attempt(item) for item in known.pop("trail", ()))
        mode, form = known.pop("mode", None), known.pop("form", None)
        bare = cls(outcome=CallOutcome(known.pop("outcome")), model=known.pop("model"))
        not_sent = tuple(known.pop("not_sent", ()))
        return replace(
            bare,
            **known,
            usage=usage,
            trail=trail,
            mode=mode and AnswerMode(mode),
            form=form and AnswerForm(form),
            not_sent=not_sent,
        )


def call_record(request: Request, completion: Completion) -> dict[str, Json]:
    """The payload of a ledger's `llm_call` event: enough to replay the call, and nothing secret."""
    return {"request": request.to_json(), "fingerprint": request.fingerprint(), **completion.to_json()}


def _attempt(payload: Mapping[str, Json]) -> Attempt:
    usage = payload.get("usage")
    mode = AnswerMode(payload["mode"])
    return Attempt(**{**payload, "mode": mode, "usage": None if usage is None else Usage(**usage)})
