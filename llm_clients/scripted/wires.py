"""The vendors' wire formats on the server's side."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llm_clients.kinds import AnswerMode
from llm_clients.request import Json, Usage


@dataclass(frozen=True, slots=True)
class Asked:
    """What the scripted server reads from a request.

    Attributes:
        prompt: the first user message, which re-asks of the same question share.
        characters: of all messages.
        mode: how structured output was requested; `PROMPT` also when it was not.
        schema: the one that the answer must satisfy, wherever it was found; None for free text.
        temperature: whether one was sent.
        max_tokens: the limit of output tokens; 0 without one.
        tokens_field: the field that held it; empty without one.
        window: `num_ctx`, for Ollama.
    """

    model: str
    prompt: str
    characters: int
    mode: AnswerMode
    schema: Mapping[str, Json] | None
    temperature: bool
    max_tokens: int = 0
    tokens_field: str = ""
    window: int | None = None


class Wire(ABC):
    """One wire format."""

    @abstractmethod
    def read(self, body: Mapping[str, Json]) -> Asked:
        """Read a request's body."""

    @abstractmethod
    def answer(self, asked: Asked, text: str, model: str, usage: Usage, stop: str) -> dict[str, Json]:
        """An answer; `stop` is "stop", "length", "refusal" or "content_filter"."""

    @abstractmethod
    def empty(self, model: str, content: list[Json] | None) -> dict[str, Json]:
        """A completion whose list of choices is empty or null."""

    @abstractmethod
    def error(self, status: int, code: str, message: str) -> dict[str, Json]:
        """An error's body."""

    @abstractmethod
    def listing(self, models: Sequence[str]) -> dict[str, Json]:
        """A list of models."""


def tokens_of(characters: int) -> int:
    """The tokens of a text by this server's own count: one per four characters, rounded up."""
    return math.ceil(characters / 4)


class AnthropicWire(Wire):
    """Anthropic's Messages API.

    https://platform.claude.com/docs/en/api/messages
    """

    def read(self, body: Mapping[str, Json]) -> Asked:
        """The schema is in `output_config.format` or in the first tool."""
        system = str(body.get("system", ""))
        mode, schema = AnswerMode.PROMPT, None
        if native := body.get("output_config", {}).get("format"):
            mode, schema = AnswerMode.NATIVE, native.get("schema")
        elif tools := body.get("tools"):
            mode, schema = AnswerMode.TOOL, tools[0].get("input_schema")
        return _asked(body, mode, schema, system=system, temperature="temperature" in body)

    def answer(self, asked: Asked, text: str, model: str, usage: Usage, stop: str) -> dict[str, Json]:
        """A text block, or a `tool_use` block in the mode `TOOL`."""
        block: Json = {"type": "text", "text": text}
        if asked.mode is AnswerMode.TOOL and stop == "stop" and (arguments := _object(text)) is not None:
            block = {"type": "tool_use", "id": "toolu_scripted", "name": "give_answer", "input": arguments}
        refused = stop in ("refusal", "content_filter")
        reason = {"stop": "tool_use" if block["type"] == "tool_use" else "end_turn", "length": "max_tokens"}
        details = {"type": "refusal", "category": "frontier_llm", "explanation": "Scripted refusal."}
        return {
            **self.empty(model, [] if refused else [block]),
            "stop_reason": reason.get(stop, "refusal"),
            "stop_details": details if refused else None,
            "usage": {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens},
        }

    def empty(self, model: str, content: list[Json] | None) -> dict[str, Json]:
        """A message with these content blocks."""
        head = {"id": "msg_scripted", "type": "message", "role": "assistant", "model": model}
        usage = {"input_tokens": 0, "output_tokens": 0}
        return {**head, "content": content, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}

    def error(self, status: int, code: str, message: str) -> dict[str, Json]:
        """The vendor's error type follows from the status."""
        kinds = {400: "invalid_request_error", 401: "authentication_error", 402: "billing_error"}
        kinds |= {404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error"}
        error = {"type": kinds.get(status, "api_error"), "message": message}
        return {"type": "error", "error": error, "request_id": "req_scripted"}

    def listing(self, models: Sequence[str]) -> dict[str, Json]:
        """As `/v1/models` answers."""
        data = [{"type": "model", "id": name, "display_name": name} for name in models]
        return {"data": data, "has_more": False, "first_id": None, "last_id": None}


class OpenAIWire(Wire):
    """OpenAI's chat completions, which OpenRouter and vLLM use too.

    https://platform.openai.com/docs/api-reference/chat
    """

    def read(self, body: Mapping[str, Json]) -> Asked:
        """The schema is in `response_format` or in the first tool."""
        mode, schema = AnswerMode.PROMPT, None
        if native := body.get("response_format", {}).get("json_schema"):
            mode, schema = AnswerMode.NATIVE, native.get("schema")
        elif tools := body.get("tools"):
            mode, schema = AnswerMode.TOOL, tools[0].get("function", {}).get("parameters")
        return _asked(body, mode, schema, temperature="temperature" in body)

    def answer(self, asked: Asked, text: str, model: str, usage: Usage, stop: str) -> dict[str, Json]:
        """One choice, with a tool call in the mode `TOOL`."""
        message: dict[str, Json] = {"role": "assistant", "content": text, "refusal": None}
        if stop == "refusal":
            message = {"role": "assistant", "content": None, "refusal": "Scripted refusal."}
        elif stop == "content_filter":
            message["content"] = ""
        elif asked.mode is AnswerMode.TOOL and stop == "stop":
            function = {"name": "give_answer", "arguments": text}
            message["content"] = None
            message["tool_calls"] = [{"id": "call_scripted", "type": "function", "function": function}]
        reason = {"refusal": "stop"}.get(stop, stop)
        counts = {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total,
        }
        choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
        return {**self.empty(model, [choice]), "usage": counts}

    def empty(self, model: str, content: list[Json] | None) -> dict[str, Json]:
        """A completion with these choices."""
        return {
            "id": "chatcmpl-scripted",
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": content,
            "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        }

    def error(self, status: int, code: str, message: str) -> dict[str, Json]:
        """The code is also the type."""
        return {"error": {"message": message, "type": code, "param": None, "code": code or status}}

    def listing(self, models: Sequence[str]) -> dict[str, Json]:
        """As `/v1/models` answers."""
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "scripted"} for name in models]
        return {"object": "list", "data": data}


class OllamaWire(Wire):
    """Ollama's own chat endpoint.

    https://docs.ollama.com/api/chat
    """

    def read(self, body: Mapping[str, Json]) -> Asked:
        """The schema is in `format`."""
        schema = body.get("format")
        mode = AnswerMode.NATIVE if schema else AnswerMode.PROMPT
        return _asked(body, mode, schema, temperature="temperature" in body.get("options", {}))

    def answer(self, asked: Asked, text: str, model: str, usage: Usage, stop: str) -> dict[str, Json]:
        """One message; a refusal is plain text, as Ollama has no field for it."""
        refused = stop in ("refusal", "content_filter")
        said = "I cannot help with that." if stop == "refusal" else "" if refused else text
        return {
            "model": model,
            "created_at": "1970-01-01T00:00:00Z",
            "message": {"role": "assistant", "content": said},
            "done": True,
            "done_reason": "length" if stop == "length" else "stop",
            "prompt_eval_count": usage.input_tokens,
            "eval_count": usage.output_tokens,
            "load_duration": 1_000_000,
            "prompt_eval_duration": 2_000_000,
            "eval_duration": 3_000_000,
            "total_duration": 6_000_000,
        }

    def empty(self, model: str, content: list[Json] | None) -> dict[str, Json]:
        """A chat without a message, or with an empty one."""
        message = None if content is None else {"role": "assistant", "content": ""}
        counts = {"prompt_eval_count": 0, "eval_count": 0}
        return {"model": model, "message": message, "done": True, "done_reason": "stop", **counts}

    def error(self, status: int, code: str, message: str) -> dict[str, Json]:
        """Ollama sends the message alone."""
        return {"error": message}

    def listing(self, models: Sequence[str]) -> dict[str, Json]:
        """As `/api/tags` answers."""
        return {"models": [{"name": name, "model": name} for name in models]}


def wire_of(path: str) -> Wire | None:
    """The format to which a path belongs, whatever prefix the base URL adds; None for an unknown path."""
    for ending, wire in _PATHS.items():
        if path.endswith(ending):
            return wire
    return None


_PATHS: Mapping[str, Wire] = {
    "/messages": AnthropicWire(),
    "/chat/completions": OpenAIWire(),
    "/api/chat": OllamaWire(),
    "/api/tags": OllamaWire(),
}


def _asked(
    body: Mapping[str, Json],
    mode: AnswerMode,
    schema: Mapping[str, Json] | None,
    *,
    temperature: bool,
    system: str = "",
) -> Asked:
    messages = body.get("messages", [])
    prompt = next((str(m.get("content")) for m in messages if m.get("role") == "user"), "")
    texts = [system, *(str(m.get("content")) for m in messages)]
    characters = sum(len(text) for text in texts)
    limits = {**body, **body.get("options", {})}
    field = next((name for name in _LIMITS if name in limits), "")
    return Asked(
        str(body.get("model")),
        prompt,
        characters,
        mode,
        _schema_in(texts) or schema,
        temperature,
        limits.get(field, 0),
        field,
        limits.get("num_ctx"),
    )


_LIMITS = ("max_tokens", "max_completion_tokens", "num_predict")


def _schema_in(texts: Sequence[str]) -> Mapping[str, Json] | None:
    """The schema that the client wrote into its instructions: in the mode `PROMPT`, and whenever it asks again."""
    for text in reversed(texts):
        _, mark, rest = text.rpartition("JSON schema:\n")
        if mark:
            return _object(rest)
    return None


def _object(text: str) -> dict[str, Json] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
