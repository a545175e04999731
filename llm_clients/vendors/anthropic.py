"""Claude through the official SDK.

https://platform.claude.com/docs/en/api/messages
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import anthropic
from pydantic import BaseModel

from llm_clients.fault import Fault
from llm_clients.kinds import AnswerMode
from llm_clients.redaction import Redactor, Secret
from llm_clients.request import Json, Usage
from llm_clients.vendors.base import ANSWER_TOOL, Ask, Reply, Vendor
from llm_clients.vendors.sdk import empty_answer, parse_wire, trip
from llm_clients.vendors.transport import Transport


class AnthropicVendor(Vendor):
    """The Messages API. It takes no temperature since API version 2026-10-21, which the 2.x SDK sends."""

    takes_temperature: ClassVar[bool] = False

    def __init__(self, model: str, key: Secret, base_url: str, redactor: Redactor) -> None:
        super().__init__(model, base_url)
        self._redactor = redactor
        self._transport = Transport(base_url)
        self._sdk = anthropic.Anthropic(
            api_key=key.reveal(),
            base_url=base_url,
            max_retries=0,
            http_client=anthropic.DefaultHttpxClient(**self._transport.options()),
        )

    def send(self, ask: Ask, timeout_s: float) -> Reply | Fault:
        """Make one trip to `/v1/messages`."""
        create: Any = self._sdk.messages.with_raw_response.create
        arguments = self._arguments(ask)
        payload = trip(lambda: create(**arguments, timeout=timeout_s), anthropic, self._transport, self._redactor)
        if isinstance(payload, Fault):
            return payload
        message = parse_wire(_Message, payload)
        return message if isinstance(message, Fault) else _reply(message)

    def models(self, timeout_s: float) -> tuple[str, ...] | Fault:
        """The names listed at `/v1/models`."""
        listing: Any = self._sdk.models.with_raw_response.list
        payload = trip(lambda: listing(timeout=timeout_s), anthropic, self._transport, self._redactor)
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


class _Block(BaseModel):
    type: str
    text: str | None = None
    input: dict[str, Json] | None = None


class _Tokens(BaseModel):
    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _StopDetails(BaseModel):
    category: str | None = None
    explanation: str | None = None


class _Message(BaseModel):
    model: str
    content: list[_Block]
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None
    usage: _Tokens | None = None


class _Model(BaseModel):
    id: str


class _ModelPage(BaseModel):
    data: list[_Model]


def _reply(message: _Message) -> Reply | Fault:
    text = "".join(block.text or "" for block in message.content if block.type == "text")
    for block in message.content:
        if block.type == "tool_use" and block.input is not None:
            text = json.dumps(block.input)
    refusal = _refusal(message)
    truncated = message.stop_reason in ("max_tokens", "model_context_window_exceeded")
    usage = None if message.usage is None else _sum(message.usage)
    if not text and refusal is None and not truncated:
        return empty_answer(message.stop_reason, usage)
    return Reply(text, message.model, message.stop_reason, usage, truncated, refusal)


def _refusal(message: _Message) -> str | None:
    if message.stop_reason != "refusal":
        return None
    details = message.stop_details or _StopDetails()
    reasons = [f"category {details.category}" if details.category else "", details.explanation or ""]
    return ": ".join(part for part in reasons if part) or "no reason given"


def _sum(tokens: _Tokens) -> Usage:
    """All tokens, cached ones included. Those have other prices, but no caching is requested."""
    cached = (tokens.cache_creation_input_tokens or 0) + (tokens.cache_read_input_tokens or 0)
    return Usage(tokens.input_tokens + cached, tokens.output_tokens)
