"""GPT through the official SDK, and every server that has the same chat format.

https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import openai
from pydantic import BaseModel

from llm_clients.fault import Fault
from llm_clients.kinds import AnswerMode
from llm_clients.redaction import Redactor, Secret
from llm_clients.request import Json, Usage
from llm_clients.vendors.base import ANSWER_TOOL, Ask, Reply, Vendor
from llm_clients.vendors.sdk import empty_answer, fault_in_body, parse_wire, trip
from llm_clients.vendors.transport import Transport


class OpenAIVendor(Vendor):
    """Chat completions as OpenAI serves them."""

    tokens_field: ClassVar[str] = "max_completion_tokens"
    extra_body: ClassVar[Mapping[str, Json]] = {}

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
        """Make one trip to `/chat/completions`."""
        create: Any = self._sdk.chat.completions.with_raw_response.create
        arguments = self._arguments(ask)
        payload = trip(lambda: create(**arguments, timeout=timeout_s), openai, self._transport, self._redactor)
        if isinstance(payload, Fault):
            return payload
        chat = parse_wire(_Chat, payload)
        return chat if isinstance(chat, Fault) else self._reply(chat)

    def models(self, timeout_s: float) -> tuple[str, ...] | Fault:
        """The names listed at `/models`."""
        listing: Any = self._sdk.models.with_raw_response.list
        payload = trip(lambda: listing(timeout=timeout_s), openai, self._transport, self._redactor)
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
            self.tokens_field: ask.max_tokens,
        }
        if ask.temperature is not None:
            arguments["temperature"] = ask.temperature
        if self.extra_body:
            arguments["extra_body"] = dict(self.extra_body)
        return arguments if ask.schema is None else {**arguments, **_structure(ask.schema, ask.mode)}

    def _reply(self, chat: _Chat) -> Reply | Fault:
        usage = None if chat.usage is None else Usage(chat.usage.prompt_tokens, chat.usage.completion_tokens)
        if not chat.choices:
            return empty_answer("no choices", usage)
        choice = chat.choices[0]
        if choice.error:  # OpenRouter: the upstream model failed in the middle of its answer
            return fault_in_body({"error": choice.error}, _status_in(choice.error), self._redactor)
        text, refusal = _said(choice)
        truncated = choice.finish_reason == "length"
        if not text and refusal is None and not truncated:
            return empty_answer(choice.finish_reason, usage)
        cost_usd = self._charged(chat)
        return Reply(text, chat.model or self.model, choice.finish_reason, usage, truncated, refusal, cost_usd=cost_usd)

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
        return None if chat.usage is None else chat.usage.cost


class VLLMVendor(OpenAIVendor):
    """A self-hosted server with the same format, such as vLLM or llama.cpp, where plain `response_format` works."""

    tokens_field: ClassVar[str] = "max_tokens"


def _structure(schema: Mapping[str, Json], mode: AnswerMode) -> dict[str, Json]:
    if mode is AnswerMode.NATIVE:
        named = {"name": "answer", "schema": dict(schema), "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": named}}
    if mode is AnswerMode.TOOL:
        function = {"name": ANSWER_TOOL, "description": "Give the answer.", "parameters": dict(schema)}
        chosen = {"type": "function", "function": {"name": ANSWER_TOOL}}
        return {"tools": [{"type": "function", "function": function}], "tool_choice": chosen}
    return {}


def _said(choice: _Choice) -> tuple[str, str | None]:
    message = choice.message
    text = message.content or ""
    if message.tool_calls:
        text = message.tool_calls[0].function.arguments
    if choice.finish_reason == "content_filter":
        return text, message.refusal or "stopped by the vendor's content filter"
    return text, message.refusal or None


def _status_in(error: Mapping[str, Json]) -> int:
    code = error.get("code")
    return code if isinstance(code, int) and 400 <= code < 600 else 500


class _Function(BaseModel):
    arguments: str


class _ToolCall(BaseModel):
    function: _Function


class _ChatMessage(BaseModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(BaseModel):
    message: _ChatMessage
    finish_reason: str | None = None
    error: dict[str, Json] | None = None


class _Tokens(BaseModel):
    prompt_tokens: int
    completion_tokens: int = 0
    cost: float | None = None


class _Chat(BaseModel):
    model: str | None = None
    choices: list[_Choice] | None
    usage: _Tokens | None = None


class _Model(BaseModel):
    id: str


class _ModelPage(BaseModel):
    data: list[_Model]
