"""How good answers look on real servers: thoughts before them, content in parts, usage that says little."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from llm_clients.errors import ScriptError
from llm_clients.request import Json
from llm_clients.scripted.improvise import improvise
from llm_clients.scripted.script import Habit
from llm_clients.scripted.wires import Asked


def speak(text: str, draft: str, habits: Collection[Habit]) -> str:
    """The text as a model with these habits writes it."""
    thought = f"Let me see [a, b. Perhaps {draft}, or {{x: y}}? No."
    if Habit.THOUGHTS in habits:
        return f"<think>\n{thought}\n</think>\n\n{text}"
    if Habit.LONE_END in habits:
        return f"{thought}\n</think>\n\n{text}"
    if Habit.CHANNELS in habits:
        head = "<|channel|>analysis<|message|>"
        return f"{head}{thought}<|end|><|start|>assistant<|channel|>final<|message|>{text}<|return|>"
    if Habit.BRACKETS in habits:
        return f"For sets [0, 1) and {{early}} [sic I first had {draft}.\nI take:\n```json\n{text}\n```\n(see [1])"
    return text


def dress(payload: dict[str, Json], draft: str, habits: Collection[Habit]) -> dict[str, Json]:
    """An answer's body, in any of the wire formats, as a server with these habits sends it."""
    message = _message_of(payload)
    if Habit.THOUGHTS_APART in habits:
        _think_apart(payload, message, draft)
    if Habit.PARTS in habits:
        _split(payload, message)
    if Habit.OBJECT_ARGUMENTS in habits:
        _turn_arguments(message)
    for habit, change in _USAGES.items():
        if habit in habits:
            change(payload)
    return payload


def only_thoughts(payload: dict[str, Json]) -> dict[str, Json]:
    """An answer's body with all of its text in the field for thoughts."""
    message = _message_of(payload)
    if "tool_calls" in message:
        message["content"] = message.pop("tool_calls")[0]["function"]["arguments"]
    text, message["content"] = message["content"], ""
    if message is payload:
        message["content"] = [{"type": "thinking", "thinking": json.dumps(text), "signature": "s"}]
    else:
        message["thinking" if "done" in payload else "reasoning_content"] = text
    return payload


def draft_of(asked: Asked, text: str) -> str:
    """Another answer to the same question, longer than `text` where one can be improvised."""
    if asked.schema is None:
        return f"{text} {text}"
    drafts = []
    for seed in range(_TRIES):
        try:
            drafts.append(json.dumps(improvise(asked.schema, asked.prompt, seed)))
        except ScriptError:
            break
        if len(drafts[-1]) > len(text):
            break
    return max(drafts, key=len, default=text)


_TRIES = 20


def _message_of(payload: dict[str, Json]) -> dict[str, Json]:
    """The part of the body that holds the content: Anthropic's is the body itself."""
    found: dict[str, Json] = (
        payload["choices"][0]["message"] if "choices" in payload else payload.get("message", payload)
    )
    return found


def _think_apart(payload: dict[str, Json], message: dict[str, Json], draft: str) -> None:
    thought = f"Perhaps {draft}? No."
    if message is payload:
        message["content"] = [{"type": "thinking", "thinking": thought, "signature": "s"}, *message["content"]]
    else:
        message["thinking" if "done" in payload else "reasoning_content"] = thought


def _split(payload: dict[str, Json], message: dict[str, Json]) -> None:
    """Two parts where there was one text; Anthropic's list of parts becomes one text, as compatible servers send it."""
    content = message["content"]
    if message is payload:
        if len(content) == 1 and content[0]["type"] == "text":
            message["content"] = content[0]["text"]
    elif isinstance(content, str):
        half = len(content) // 2
        message["content"] = [{"type": "text", "text": content[:half]}, {"type": "text", "text": content[half:]}]


def _turn_arguments(message: dict[str, Json]) -> None:
    for call in message.get("tool_calls") or ():
        call["function"]["arguments"] = _parsed(call["function"]["arguments"])
    for block in message["content"] if isinstance(message.get("content"), list) else ():
        if block.get("type") == "tool_use":
            block["input"] = json.dumps(block["input"])


def _parsed(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return text


_READ = ("prompt_tokens", "input_tokens")
_COUNTS = ("prompt_eval_count", "eval_count")


def _leave_out(payload: dict[str, Json]) -> None:
    for name in ("usage", *_COUNTS):
        payload.pop(name, None)


def _replace(payload: dict[str, Json], usage: Json, count: Json) -> None:
    if "usage" in payload:
        payload["usage"] = usage
    payload |= {name: count for name in _COUNTS if name in payload}


def _leave_prompt_only(payload: dict[str, Json]) -> None:
    usage: Any = payload.get("usage", {})
    _replace(payload, {name: usage[name] for name in _READ if name in usage}, None)


def _spoil(payload: dict[str, Json]) -> None:
    usage: Any = payload.get("usage", {})
    _replace(payload, dict.fromkeys(usage, -1) | {name: float("inf") for name in _READ if name in usage}, -1)


_USAGES = {
    Habit.NO_USAGE: _leave_out,
    Habit.NULL_USAGE: lambda payload: _replace(payload, None, None),
    Habit.EMPTY_USAGE: lambda payload: _replace(payload, {}, None),
    Habit.PARTIAL_USAGE: _leave_prompt_only,
    Habit.ODD_USAGE: _spoil,
}
