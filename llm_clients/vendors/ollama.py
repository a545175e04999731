"""Ollama's own chat endpoint. Unlike its OpenAI-compatible one, it reports how long loading and evaluation took.

https://docs.ollama.com/api/chat
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import httpx2
import openai
from pydantic import BaseModel

from llm_clients.fault import Fault, FaultKind
from llm_clients.kinds import AnswerMode
from llm_clients.redaction import Redactor, Secret
from llm_clients.request import Json
from llm_clients.vendors.base import Ask, Reply, Vendor
from llm_clients.vendors.headers import drop_foreign_headers
from llm_clients.vendors.sdk import empty_answer, parse_wire, patience, trip
from llm_clients.vendors.transport import Transport
from llm_clients.vendors.wire import count_of, first_text, read_content, text_or_none, tool_text, usage_of

_NANOSECONDS = 1e-9


class OllamaVendor(Vendor):
    """`/api/chat` over the OpenAI SDK's transport, with the same errors and deadline; needs no key."""

    # local servers enforce `format` since 0.5; the cloud accepts and ignores it, which our validation notices
    modes: ClassVar[tuple[AnswerMode, ...]] = (AnswerMode.NATIVE, AnswerMode.PROMPT)
    url_hint: ClassVar[str] = "It has no /v1 at its end, as http://127.0.0.1:11434"

    def __init__(self, model: str, key: Secret, base_url: str, redactor: Redactor) -> None:
        super().__init__(model, base_url, redactor)
        self._window = _SMALLEST_WINDOW
        self._factor = 1
        self._transport = Transport(base_url)
        self._sdk = openai.OpenAI(
            api_key=key.reveal(),
            base_url=base_url,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(**self._transport.options()),
        )
        drop_foreign_headers(self._sdk, base_url)

    def send(self, ask: Ask, timeout_s: float) -> Reply | Fault:
        """Make one trip to `/api/chat`."""
        body = self._body(ask)
        payload = self._call("post", "/api/chat", timeout_s, body=body)
        if isinstance(payload, Fault):
            return payload
        chat = parse_wire(_Chat, payload)
        if isinstance(chat, Fault):
            return chat
        cut = _cut(chat, ask, body["options"]["num_ctx"])
        return cut or _reply(chat, self.model)

    def widen(self) -> bool:
        """Ask for twice the window from now on, once: more than that the model does not have."""
        widened, self._factor = self._factor == 1, 2
        return widened

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
        timeout = {"timeout": patience(timeout_s)}

        def call() -> _Raw:
            return _Raw(method(path, cast_to=httpx2.Response, options=timeout, **content))

        return trip(call, openai, self._transport, self.redactor)

    def _body(self, ask: Ask) -> dict[str, Json]:
        system = [{"role": "system", "content": ask.system}] if ask.system else []
        options: dict[str, Json] = {"num_predict": ask.max_tokens, "num_ctx": self._room(ask)}
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

    def _room(self, ask: Ask) -> int:
        """The window for prompt and answer.

        Without it Ollama takes 4,096 tokens and drops what is over, in silence. It never shrinks and it doubles,
        because Ollama loads the model again whenever it changes.
        """
        needed = (_bytes_of(ask) // _BYTES_PER_TOKEN + ask.max_tokens) * self._factor
        while self._window < needed:
            self._window *= 2
        return self._window


_SMALLEST_WINDOW = 4096
_BYTES_PER_TOKEN = 2  # prompts of numbers and names have three to four


def _bytes_of(ask: Ask) -> int:
    return len(ask.system.encode()) + sum(len(message.content.encode()) for message in ask.messages)


def _cut(chat: _Chat, ask: Ask, window: int) -> Fault | None:
    """The fault of an answer to a part of the prompt: the tokens read then fill a window.

    A model with a smaller window than asked for is given its own, which is a power of two.
    """
    read = count_of(chat.prompt_eval_count)
    if read is None or read < _SMALLEST_WINDOW // 2:
        return None
    at_own = read < window and read & (read - 1) == 0 and _bytes_of(ask) > read * _BYTES_PER_TOKEN
    if read < window - 1 and not at_own:
        return None
    detail = (
        f"Ollama cut the prompt: it read {read:,} tokens, all that its window holds, of about "
        f"{_bytes_of(ask) // 3:,}. The answer was to a part of the question. Name a model with a longer context, or "
        "lower --llm-max-tokens"
    )
    return Fault(FaultKind.PROMPT_CUT, detail, status=200, usage=usage_of(read, chat.eval_count or 0))


class _Raw:
    """Looks like a raw response of the SDK, for an endpoint that the SDK does not know."""

    def __init__(self, response: httpx2.Response) -> None:
        self.http_response = response


class _Chat(BaseModel):
    model: Json = None
    message: dict[str, Json]
    done_reason: Json = None
    prompt_eval_count: Json = None
    eval_count: Json = None
    total_duration: Json = None
    load_duration: Json = None
    prompt_eval_duration: Json = None
    eval_duration: Json = None


class _Tag(BaseModel):
    name: str


class _Tags(BaseModel):
    models: list[_Tag]


def _reply(chat: _Chat, asked: str = "") -> Reply | Fault:
    # a prompt that is wholly cached has no prompt_eval_count
    counted = chat.prompt_eval_count is not None or chat.eval_count is not None
    usage = usage_of(chat.prompt_eval_count or 0, chat.eval_count or 0) if counted else None
    stop_reason = text_or_none(chat.done_reason)
    truncated = stop_reason == "length"
    content = read_content(chat.message.get("content"))
    text = tool_text(chat.message) or content.text
    thoughts, field = first_text(chat.message, ("thinking", "reasoning_content", "reasoning"))
    if not (text or thoughts or content.thoughts or truncated):
        return empty_answer(stop_reason, usage)
    return Reply(
        text,
        text_or_none(chat.model) or asked,
        stop_reason,
        usage,
        truncated,
        durations_s=_durations(chat) or None,
        thoughts=thoughts or content.thoughts,
        thoughts_field=field or "content",
    )


def _durations(chat: _Chat) -> dict[str, float]:
    reported = {
        "load": chat.load_duration,
        "prompt_eval": chat.prompt_eval_duration,
        "eval": chat.eval_duration,
        "total": chat.total_duration,
    }
    counted = {name: count_of(value) for name, value in reported.items()}
    return {name: value * _NANOSECONDS for name, value in counted.items() if value is not None}
