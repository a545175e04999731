"""Claude through the official SDK.

https://platform.claude.com/docs/en/api/messages
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import anthropic
from pydantic import BaseModel

from llm_clients.fault import Fault
from llm_clients.kinds import AnswerMode
from llm_clients.redaction import Redactor, Secret
from llm_clients.request import Json, Usage
from llm_clients.vendors.base import ANSWER_TOOL, Ask, Reply, Vendor
from llm_clients.vendors.headers import drop_foreign_headers
from llm_clients.vendors.sdk import empty_answer, parse_wire, patience, trip
from llm_clients.vendors.transport import Transport
from llm_clients.vendors.wire import arguments_text, count_of, read_content, text_or_none, usage_of


class AnthropicVendor(Vendor):
    """The Messages API. It takes no temperature since API version 2026-10-21, which the 2.x SDK sends."""

    takes_temperature: ClassVar[bool] = False
    url_hint: ClassVar[str] = "It has no /v1 at its end, as https://api.anthropic.com"

    def __init__(self, model: str, key: Secret, base_url: str, redactor: Redactor) -> None:
        super().__init__(model, base_url, redactor)
        self._transport = Transport(base_url)
        self._sdk = anthropic.Anthropic(
            api_key=key.reveal(),
            base_url=base_url,
            max_retries=0,
            http_client=anthropic.DefaultHttpxClient(**self._transport.options()),
        )
        drop_foreign_headers(self._sdk, base_url, domain="anthropic.com", url_variable="ANTHROPIC_BASE_URL")

    def send(self, ask: Ask, timeout_s: float) -> Reply | Fault:
        """Make one trip to `/v1/messages`."""
        create: Any = self._sdk.messages.with_raw_response.create
        arguments: dict[str, Any] = self._arguments(ask)
        payload = trip(
            lambda: create(**arguments, timeout=patience(timeout_s)), anthropic, self._transport, self.redactor
        )
        if isinstance(payload, Fault):
            return payload
        message = parse_wire(_Message, payload)
        return message if isinstance(message, Fault) else _reply(message, self.model)

    def models(self, timeout_s: float) -> tuple[str, ...] | Fault:
        """The names listed at `/v1/models`."""
        listing: Any = self._sdk.models.with_raw_response.list
        payload = trip(lambda: listing(timeout=patience(timeout_s)), anthropic, self._transport, self.redactor)
        if isinstance(payload, Fault):
            return payload
        page = parse_wire(_ModelPage, payload)
        return page if isinstance(page, Fault) else tuple(entry.id for entry in page.data)

    def close(self) -> None:
        """End trips in flight and release sockets."""
        self._transport.shut_down()
        self._sdk.close()

    def _arguments(self, ask: Ask) -> dict[str, Json]:
        arguments: dict[str, Json] = {
            "model": self.model,
            "max_tokens": ask.max_tokens,
            "messages": [{"role": m.role.value, "content": m.content} for m in ask.messages],
        }
        if ask.system:
            arguments["system"] = ask.system
        return arguments if ask.schema is None else {**arguments, **_structure(ask.schema, ask.mode)}


def _structure(schema: Mapping[str, Json], mode: AnswerMode) -> dict[str, Json]:
    # transform_schema moves numeric bounds, which the grammar lacks, into descriptions; our validation checks them
    if mode is AnswerMode.NATIVE:
        wire = anthropic.transform_schema(dict(schema))
        return {"output_config": {"format": {"type": "json_schema", "schema": wire}}}
    if mode is AnswerMode.TOOL:
        tool = {"name": ANSWER_TOOL, "description": "Give the answer.", "input_schema": dict(schema)}
        return {"tools": [tool], "tool_choice": {"type": "tool", "name": ANSWER_TOOL}}
    return {}


class _Message(BaseModel):
    model: Json = None
    content: Json
    stop_reason: Json = None
    stop_details: Json = None
    usage: Json = None


class _Model(BaseModel):
    id: str


class _ModelPage(BaseModel):
    data: list[_Model]


def _reply(message: _Message, asked: str = "") -> Reply | Fault:
    content, stop_reason = read_content(message.content), text_or_none(message.stop_reason)
    text = _tool_input(message.content) or content.text
    refusal = _refusal(message) or content.refusal
    truncated = stop_reason in ("max_tokens", "model_context_window_exceeded")
    usage = _sum(message.usage)
    if not (text or content.thoughts or refusal or truncated):
        return empty_answer(stop_reason, usage)
    return Reply(
        text,
        text_or_none(message.model) or asked,
        stop_reason,
        usage,
        truncated,
        refusal,
        thoughts=content.thoughts,
        thoughts_field="thinking",
    )


def _tool_input(content: Json) -> str:
    """The input of the last tool call; Claude's is an object, and compatible servers send strings too."""
    blocks = content if isinstance(content, list) else []
    inputs = [block.get("input") for block in blocks if isinstance(block, Mapping) and block.get("type") == "tool_use"]
    return next((text for text in map(arguments_text, reversed(inputs)) if text), "")


def _refusal(message: _Message) -> str | None:
    if message.stop_reason != "refusal":
        return None
    details = message.stop_details if isinstance(message.stop_details, Mapping) else {}
    category, explanation = text_or_none(details.get("category")), text_or_none(details.get("explanation"))
    reasons = [f"category {category}" if category else "", explanation or ""]
    return ": ".join(part for part in reasons if part) or "no reason given"


def _sum(usage: Json) -> Usage | None:
    """All tokens, cached ones included. Those have other prices, but no caching is requested."""
    if not isinstance(usage, Mapping):
        return None
    counted = usage_of(usage.get("input_tokens"), usage.get("output_tokens"))
    cached = [count_of(usage.get(name) or 0) for name in ("cache_creation_input_tokens", "cache_read_input_tokens")]
    if counted is None or None in cached:
        return None
    return counted + Usage(sum(each or 0 for each in cached), 0)
