"""Ollama's requests and answers, as far as this server takes part: text in, text out.

https://docs.ollama.com/api/chat, https://docs.ollama.com/api/generate
"""

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field

from ablations.resources.local_server.writing import Wish, Written

_MOST_TOKENS = 2048
_DEFAULT_TOKENS = 128
_DEFAULT_TEMPERATURE = 0.8  # Ollama's own


class Options(BaseModel):
    """The options that are obeyed; others, as `num_ctx`, are ignored, as Ollama ignores what a model does not know."""

    temperature: float = Field(default=_DEFAULT_TEMPERATURE, ge=0)
    num_predict: int = _DEFAULT_TOKENS
    seed: int | None = None
    stop: str | tuple[str, ...] = ()

    def wish(self) -> Wish:
        """How to write; a negative number of tokens means until the model ends."""
        most = self.num_predict if self.num_predict >= 0 else _MOST_TOKENS
        stops = (self.stop,) if isinstance(self.stop, str) else self.stop
        return Wish(min(most, _MOST_TOKENS), self.temperature, self.seed, tuple(filter(None, stops)))


class Message(BaseModel):
    """One message of a conversation."""

    role: str
    content: str


class Asked(BaseModel, ABC):
    """What both requests have in common."""

    model: str
    stream: bool = True
    options: Options = Options()
    format: Any = None

    @abstractmethod
    def prompt(self) -> str:
        """All that the model reads."""

    @abstractmethod
    def piece(self, text: str) -> dict[str, Any]:
        """The field of an answer that holds a text."""


class ChatAsked(Asked):
    """A request to `/api/chat`."""

    messages: tuple[Message, ...] = ()

    def prompt(self) -> str:
        """The messages, one after another."""
        return "\n\n".join(message.content for message in self.messages)

    def piece(self, text: str) -> dict[str, Any]:
        """A message of the assistant."""
        return {"message": {"role": "assistant", "content": text}}


class GenerateAsked(Asked):
    """A request to `/api/generate`."""

    prompt_text: str = Field(default="", alias="prompt")
    system: str = ""

    def prompt(self) -> str:
        """Instructions, then the prompt."""
        return "\n\n".join(text for text in (self.system, self.prompt_text) if text)

    def piece(self, text: str) -> dict[str, Any]:
        """The text itself."""
        return {"response": text}


def part(asked: Asked, text: str) -> dict[str, Any]:
    """A piece of an answer that is not done."""
    return {"model": asked.model, "created_at": _now(), **asked.piece(text), "done": False}


def whole(asked: Asked, written: Written, load_ns: int, total_ns: int) -> dict[str, Any]:
    """A whole answer, with all counts and nanoseconds.

    Args:
        asked: the request.
        written: what was written.
        load_ns: until the model was there and free.
        total_ns: from the request to the end.
    """
    return {
        "model": asked.model,
        "created_at": _now(),
        **asked.piece(written.text),
        "done": True,
        "done_reason": "stop" if written.finished else "length",
        "total_duration": total_ns,
        "load_duration": load_ns,
        "prompt_eval_count": written.prompt_tokens,
        "prompt_eval_duration": written.prompt_ns,
        "eval_count": written.tokens,
        "eval_duration": written.ns,
    }


def listed(name: str, parameters: int, weights: str) -> dict[str, Any]:
    """A model as `/api/tags` and `/api/ps` list it."""
    details = {"format": "espalier", "family": "gpt2", "parameter_size": f"{parameters / 1e6:.1f}M", "weights": weights}
    return {"name": name, "model": name, "size": 4 * parameters, "details": details}


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
