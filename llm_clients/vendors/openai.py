"""GPT through the official SDK, and every server that has the same chat format.

https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import openai
from pydantic import BaseModel

from llm_clients.fault import Fault
from llm_clients.kinds import AnswerMode
from llm_clients.redaction import Redactor, Secret
from llm_clients.request import Json, Usage
from llm_clients.vendors.base import ANSWER_TOOL, Ask, Reply, Vendor
from llm_clients.vendors.headers import drop_foreign_headers
from llm_clients.vendors.sdk import empty_answer, fault_in_body, parse_wire, patience, trip
from llm_clients.vendors.transport import Transport
from llm_clients.vendors.wire import Parts, dollars_of, first_text, read_content, text_or_none, tool_text, usage_of


class OpenAIVendor(Vendor):
    """Chat completions as OpenAI serves them."""

    tokens_field: ClassVar[str] = "max_completion_tokens"
    two_tokens_fields: ClassVar[bool] = True
    extra_body: ClassVar[Mapping[str, Json]] = {}

    def __init__(self, model: str, key: Secret, base_url: str, redactor: Redactor) -> None:
        super().__init__(model, base_url, redactor)
        self._transport = Transport(base_url)
        self._sdk = openai.OpenAI(
            api_key=key.reveal(),
            base_url=base_url,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(**self._transport.options()),
        )
        drop_foreign_headers(self._sdk, base_url, domain="openai.com", url_variable="OPENAI_BASE_URL")

    def send(self, ask: Ask, timeout_s: float) -> Reply | Fault:
        """Make one trip to `/chat/completions`."""
        create: Any = self._sdk.chat.completions.with_raw_response.create
        arguments = self._arguments(ask)
        payload = trip(lambda: create(**arguments, timeout=patience(timeout_s)), openai, self._transport, self.redactor)
        if isinstance(payload, Fault):
            return payload
        chat = parse_wire(_Chat, payload)
        return chat if isinstance(chat, Fault) else self._reply(chat)

    def models(self, timeout_s: float) -> tuple[str, ...] | Fault:
        """The names listed at `/models`."""
        listing: Any = self._sdk.models.with_raw_response.list
        payload = trip(lambda: listing(timeout=patience(timeout_s)), openai, self._transport, self.redactor)
        if isinstance(payload, Fault):
            return payload
        page = parse_wire(_ModelPage, payload)
        return page if isinstance(page, Fault) else tuple(entry.id for entry in page.data)

    def close(self) -> None:
        """End trips in flight and release sockets."""
        self._transport.shut_down()
        self._sdk.close()

    def _arguments(self, ask: Ask) -> dict[str, Json]:
        system = [{"role": "system", "content": ask.system}] if ask.system else []
        arguments: dict[str, Json] = {
            "model": self.model,
            "messages": system + [{"role": m.role.value, "content": m.content} for m in ask.messages],
            _OTHER_FIELD[self.tokens_field] if ask.other_tokens_field else self.tokens_field: ask.max_tokens,
        }
        if ask.temperature is not None:
            arguments["temperature"] = ask.temperature
        if self.extra_body:
            arguments["extra_body"] = dict(self.extra_body)
        return arguments if ask.schema is None else {**arguments, **_structure(ask.schema, ask.mode)}

    def _reply(self, chat: _Chat) -> Reply | Fault:
        usage = _usage(chat.usage)
        if not chat.choices:
            return empty_answer("no choices", usage)
        choice = chat.choices[0]
        if isinstance(choice.error, Mapping) and choice.error:
            # OpenRouter: the upstream model failed in the middle of its answer
            return replace(fault_in_body({"error": choice.error}, _status_in(choice.error), self.redactor), usage=usage)
        message, stop_reason = choice.message or {}, text_or_none(choice.finish_reason)
        said = _said(message, stop_reason)
        thoughts, field = first_text(message, _THOUGHT_FIELDS)
        truncated = stop_reason is not None and stop_reason.lower() in _LENGTH
        if not (said.text or said.thoughts or thoughts or said.refusal or truncated):
            return empty_answer(stop_reason, usage)
        return Reply(
            said.text,
            text_or_none(chat.model) or self.model,
            stop_reason,
            usage,
            truncated,
            said.refusal,
            cost_usd=self._charged(chat),
            thoughts=thoughts or said.thoughts,
            thoughts_field=field or "content",
        )

    def _charged(self, chat: _Chat) -> float | None:
        return None


class OpenRouterVendor(OpenAIVendor):
    """OpenRouter, which passes calls on to many providers.

    https://openrouter.ai/docs/api-reference/overview
    """

    tokens_field: ClassVar[str] = "max_tokens"
    # without this, OpenRouter may choose a provider that silently ignores response_format
    extra_body: ClassVar[Mapping[str, Json]] = {"provider": {"require_parameters": True}}

    def _charged(self, chat: _Chat) -> float | None:
        """The cost that it reports in credits, which are US dollars.

        https://openrouter.ai/docs/use-cases/usage-accounting
        """
        return dollars_of(chat.usage.get("cost")) if isinstance(chat.usage, Mapping) else None


class VLLMVendor(OpenAIVendor):
    """A self-hosted server with the same format, such as vLLM or llama.cpp, where plain `response_format` works."""

    tokens_field: ClassVar[str] = "max_tokens"


# newer models of OpenAI take only the second, many compatible servers only the first
_OTHER_FIELD = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}


def _structure(schema: Mapping[str, Json], mode: AnswerMode) -> dict[str, Json]:
    if mode is AnswerMode.NATIVE:
        named = {"name": "answer", "schema": dict(schema), "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": named}}
    if mode is AnswerMode.TOOL:
        function = {"name": ANSWER_TOOL, "description": "Give the answer.", "parameters": dict(schema)}
        chosen = {"type": "function", "function": {"name": ANSWER_TOOL}}
        return {"tools": [{"type": "function", "function": function}], "tool_choice": chosen}
    return {}


def _said(message: Mapping[str, Json], stop_reason: str | None) -> Parts:
    content = read_content(message.get("content"))
    text = tool_text(message) or content.text
    refusal = text_or_none(message.get("refusal")) or content.refusal
    if stop_reason == "content_filter":
        refusal = refusal or "stopped by the vendor's content filter"
    return Parts(text, content.thoughts, refusal)


def _usage(usage: Json) -> Usage | None:
    if not isinstance(usage, Mapping):
        return None
    return usage_of(usage.get("prompt_tokens"), usage.get("completion_tokens"), usage.get("total_tokens"))


_THOUGHT_FIELDS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
"""Where servers put thoughts that they have parsed out of the text (vLLM, SGLang, llama.cpp, OpenRouter, Ollama)."""

_LENGTH = frozenset({"length", "max_tokens", "model_length"})


def _status_in(error: Mapping[str, Json]) -> int:
    code = error.get("code")
    return code if isinstance(code, int) and 400 <= code < 600 else 500


class _Choice(BaseModel):
    message: dict[str, Json] | None = None
    finish_reason: Json = None
    error: Json = None


class _Chat(BaseModel):
    model: Json = None
    choices: list[_Choice] | None
    usage: Json = None


class _Model(BaseModel):
    id: str


class _ModelPage(BaseModel):
    data: list[_Model]
