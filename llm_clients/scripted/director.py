"""Decides what each call gets, and keeps totals against which a client's own can be checked."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from llm_clients.errors import ScriptError
from llm_clients.request import Json, Usage
from llm_clients.scripted.improvise import improvise
from llm_clients.scripted.script import FaultName, Order, RateLimit, Script, as_text


@dataclass(slots=True)
class Totals:
    """What a server has done so far.

    Attributes:
        arrivals: when each request arrived, in seconds since the start.
        accepted: arrivals of the requests that the rate limit accepted.
        usage: tokens of all answers that were sent whole, valid or not.
    """

    requests: int = 0
    answers: int = 0
    usage: Usage = field(default_factory=Usage)
    faults: Counter[str] = field(default_factory=Counter)
    arrivals: list[float] = field(default_factory=list)
    accepted: list[float] = field(default_factory=list)

    def to_json(self, script: Script) -> dict[str, Json]:
        """The totals with the script's model, and their cost at the script's price."""
        return {
            "model": script.model,
            "requests": self.requests,
            "answers": self.answers,
            "input_tokens": self.usage.input_tokens,
            "output_tokens": self.usage.output_tokens,
            "cost_usd": None if script.price is None else script.price.price().cost(self.usage),
            "faults": dict(self.faults),
        }


@dataclass(frozen=True, slots=True)
class Scene:
    """What one call gets: the text of an answer, which `fault` spoils if there is one."""

    text: str
    fault: FaultName | None = None
    retry_after_s: float | None = None


Author = Callable[[str], str]
"""Writes the answer to a prompt."""


class Director:
    """Decides for all calls of a server. Thread-safe: every decision is taken under one lock.

    Args:
        script: what is played.
        author: writes each answer in place of the script's own; called under the lock.
    """

    def __init__(self, script: Script, author: Author | None = None) -> None:
        self.script = script
        self._author = author
        self.totals = Totals()
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._call = 0
        self._cursor = 0
        self._asked: Counter[str] = Counter()
        self._bucket = None if script.rate_limit is None else Bucket(script.rate_limit, self._started)

    def next_scene(self, prompt: str, schema: Mapping[str, Json] | None) -> Scene:
        """Decide what the call with this first user message gets.

        Only a genuine answer uses up its place in `answers`.

        Raises:
            ScriptError: the script has come to its end.
        """
        with self._lock:
            now = time.monotonic()
            self.totals.requests += 1
            self.totals.arrivals.append(now - self._started)
            scene = self._limited(now)
            if scene is None:
                self.totals.accepted.append(now - self._started)
                scene = self._scripted(prompt, schema)
            if scene.fault is not None:
                self.totals.faults[scene.fault.value] += 1
            return scene

    def charge(self, usage: Usage) -> None:
        """Count a text that is sent whole."""
        with self._lock:
            self.totals.answers += 1
            self.totals.usage += usage

    def count(self, fault: str) -> None:
        """Count a fault that no script asked for."""
        with self._lock:
            self.totals.faults[fault] += 1

    def snapshot(self) -> dict[str, Json]:
        """The totals so far."""
        with self._lock:
            return self.totals.to_json(self.script)

    def _limited(self, now: float) -> Scene | None:
        wait_s = 0.0 if self._bucket is None else self._bucket.take(now)
        if wait_s <= 0.0 or self.script.rate_limit is None:
            return None
        return Scene("", FaultName.RATE_LIMIT, wait_s if self.script.rate_limit.retry_after else None)

    def _scripted(self, prompt: str, schema: Mapping[str, Json] | None) -> Scene:
        if self._call < len(self.script.calls):
            step = self.script.calls[self._call]
            self._call += 1
            if step.fault is None:
                return Scene(as_text(step.answer))
            return Scene(self._peek(prompt, schema), step.fault, step.retry_after_s)
        for mentioned, reply in self.script.replies.items():
            if mentioned in prompt:
                return Scene(as_text(reply))
        if not self.script.answers and self.script.improvise is None:
            raise ScriptError(f"the script has come to its end after {len(self.script.calls)} calls")
        fault = self._chance(prompt)
        text = self._peek(prompt, schema)
        if fault in (None, FaultName.PROSE):
            self._cursor += 1
        return Scene(text, fault)

    def _peek(self, prompt: str, schema: Mapping[str, Json] | None) -> str:
        """The answer whose turn it is; a placeholder to be spoilt when the script has only faults."""
        if self._author is not None:
            return self._author(prompt)
        answers = self.script.answers
        if not answers and self.script.improvise is not None:
            return as_text("Improvised." if schema is None else improvise(schema, prompt, self.script.improvise))
        if not answers:
            return as_text({"answer": 1})
        index = _number(prompt) if self.script.order is Order.BY_PROMPT else self._cursor
        return as_text(answers[index % len(answers)])

    def _chance(self, prompt: str) -> FaultName | None:
        faults = self.script.random_faults
        if faults is None:
            return None
        self._asked[prompt] += 1
        dice = random.Random(f"{faults.seed}:{_number(prompt)}:{self._asked[prompt]}")  # noqa: S311 - a rehearsal
        return dice.choice(faults.kinds) if dice.random() < faults.probability else None


class Bucket:
    """A token bucket that tells how long to wait for the next token."""

    def __init__(self, limit: RateLimit, now: float) -> None:
        self._limit = limit
        self._tokens = float(limit.burst)
        self._filled = now

    def take(self, now: float) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        gained = (now - self._filled) * self._limit.per_second
        self._tokens = min(self._tokens + gained, float(self._limit.burst))
        self._filled = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._limit.per_second


def _number(prompt: str) -> int:
    return int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:8], "big")
