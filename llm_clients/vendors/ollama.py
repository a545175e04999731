"""Ollama's own chat endpoint. Unlike its OpenAI-compatible one, it reports how long loading and evaluation took.

https://docs.ollama.com/api/chat
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import httpx2
import openai
from pydantic import BaseModel

from llm_clients.fault import Fault
from llm_clients.kinds import AnswerMode
from llm_clients.redaction import Redactor, Secret
from llm_clients.request import Json, Usage
from llm_clients.vendors.base import Ask, Reply, Vendor
from llm_clients.vendors.sdk import empty_answer, parse_wire, trip
from llm_clients.vendors.transport import Transport

_NANOSECONDS = 1e-9


class OllamaVendor(Vendor):
    """`/api/chat` over the OpenAI SDK's transport, with the same errors and deadline; needs no key."""

    # local servers enforce `format` since 0.5; the cloud accepts and ignores it, which our validation notices
    modes: ClassVar[tuple[AnswerMode, ...]] = (AnswerMode.NATIVE, AnswerMode.PROMPT)

    def __init__(self, model: str, key: Secret, base_url: str, redactor: Redactor) -> None:
        super().__init__(model, base_url)
        self._redactor = redactor
        self._transport = Transport(base_url)
        self._sdk = openai.OpenAI(
            api_key=key.reveal(),
            base_url=base_url,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(**self._transport.options()),
        )

    def send(self, ask: Ask, timeout_s: float) -> Reply | Fault:
        """Make one trip to `/api/chat`."""
        body = self._body(ask)
        payload = self._call("post", "/api/chat", timeout_s, body=body)
        if isinstance(payload, Fault):
            return payload
        chat = parse_wire(_Chat, payload)
        return chat if isinstance(chat, Fault) else _reply(chat)

    def models(self, timeout_s: float) -> tuple[str, ...] | Fault:
        """The names listed at `/api/tags`."""
        payload = self._call("get", "/api/tags", timeout_s)
        if isinstance(payload, Fault):
            return payload
        tags = parse_wire(_Tags, payload)
        return tags if isinstance(tags, Fault) else tuple(entry.name for entry in tags.models)

    def close(self) -> None:
        """End trips in flight and release sockets."""
        self._transport.shut_down()
        self._sdk.close()

    def _call(self, verb: str, path: str, timeout_s: float, **content: Any) -> Mapping[str, Json] | Fault:
        method: Any = getattr(self._sdk, verb)
        timeout = {"timeout": timeout_s}

        def call() -> _Raw:
            return _Raw(method(path, cast_to=httpx2.Response, options=timeout, **content))

        return trip(call, openai, self._transport, self._redactor)

    def _body(self, ask: Ask) -> dict[str, Json]:
        system = [{"role": "system", "content": ask.system}] if ask.system else []
        options: dict[str, Json] = {"num_predict": ask.max_tokens}
        if ask.temperature is not None:
            options["temperature"] = ask.temperature
        body: dict[str, Json] = {
            "model": self.model,
            "messages": system + [{"role": m.role.value, "content": m.content} for m in ask.messages],
            "stream": False,
            "options": options,
        }
        if ask.schema is not None and ask.mode is AnswerMode.NATIVE:
            body["format"] = dict(ask.schema)
        return body


class _Raw:
    """Looks like a raw response of the SDK, for an endpoint that the SDK does not know."""

    def __init__(self, response: httpx2.Response) -> None:
        self.http_response = response


class _ChatMessage(BaseModel):
    content: str = ""


class _Chat(BaseModel):
    model: str
    message: _ChatMessage
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    total_duration: int | None = None
    load_duration: int | None = None
    prompt_eval_duration: int | None = None
    eval_duration: int | None = None


class _Tag(BaseModel):
    name: str


class _Tags(BaseModel):
    models: list[_Tag]


def _reply(chat: _Chat) -> Reply | Fault:
    # a prompt that is wholly cached has no prompt_eval_count
    counted = chat.prompt_eval_count is not None or chat.eval_count is not None
    usage = Usage(chat.prompt_eval_count or 0, chat.eval_count or 0) if counted else None
    truncated = chat.done_reason == "length"
    if not chat.message.content and not truncated:
        return empty_answer(chat.done_reason, usage)
    return Reply(
        chat.message.content, chat.model, chat.done_reason, usage, truncated, durations_s=_durations(chat) or None
    )


def _durations(chat: _Chat) -> dict[str, float]:
    reported = {
        "load": chat.load_duration,
        "prompt_eval": chat.prompt_eval_duration,
        "eval": chat.eval_duration,
        "total": chat.total_duration,
    }
    return {name: value * _NANOSECONDS for name, value in reported.items() if value is not None}
