"""A vendor with what its client has learned about it, and the terms on which one call asks."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from llm_clients.client import Announcement
from llm_clients.fault import Fault, FaultKind, names_structure, names_token_limit
from llm_clients.kinds import AnswerMode
from llm_clients.limiter import AdaptiveLimiter
from llm_clients.options import ClientOptions
from llm_clients.prices import Price
from llm_clients.request import Json, Request
from llm_clients.retry import Clock, RetryPolicy
from llm_clients.vendors.base import Ask, Vendor


@dataclass(slots=True)
class Line:
    """A vendor, and what its client has learned about it so far; shared by all calls."""

    vendor: Vendor
    options: ClientOptions
    policy: RetryPolicy
    limiter: AdaptiveLimiter
    clock: Clock
    price: Price | None
    dice: random.Random
    mode: AnswerMode
    takes_temperature: bool
    other_tokens_field: bool = False
    mode_is_proven: bool = False
    announce: Announcement | None = None


class Terms:
    """How one call asks at present. What a server refuses is changed, one thing at a time.

    Attributes:
        mode: how structured output is requested.
        takes_temperature: whether the model takes a temperature, as far as is known.
    """

    def __init__(self, line: Line, request: Request) -> None:
        self._line = line
        self._request = request
        self.mode = line.mode
        self.takes_temperature = line.takes_temperature
        self._max_tokens: int | None = None

    def ask(self, request: Request) -> Ask:
        """The request on these terms."""
        if request.schema is not None and self.mode is AnswerMode.PROMPT:
            request = replace(request, system=f"{request.system}\n\n{describe_schema(request.schema)}".strip())
        if self._max_tokens is not None:
            request = replace(request, max_tokens=self._max_tokens)
        return Ask.of(
            request,
            self.mode,
            takes_temperature=self.takes_temperature,
            other_tokens_field=self._line.other_tokens_field,
        )

    def confirm(self) -> None:
        """Remember the mode for all calls: only an answer shows that the server refused the mode, not the request."""
        self._line.mode, self._line.mode_is_proven = self.mode, True

    def adapt(self, fault: Fault) -> bool:
        """Change what the fault is about, if anything; True if the request is worth sending again at once."""
        match fault.kind:
            case FaultKind.REJECTED:
                if self._leave_out_temperature(fault.detail) or self._rename_limit(fault) or self.lower_mode():
                    return True
                # a router that names no parameter: structure was not the one, or not the only one
                return "requested parameters" in fault.detail and self._leave_out_temperature("temperature")
            case FaultKind.SERVER_ERROR:
                return names_structure(fault.detail) and self.lower_mode()
            case FaultKind.TOO_LONG:
                return self._ask_for_less(fault)
            case FaultKind.PROMPT_CUT:
                return self._line.vendor.widen()
        return False

    def doubt_mode(self, fault: Fault, row: int) -> None:
        """After several bare errors 500, request structure in the next mode, unless this one has ever worked."""
        if row == _DOUBT_AT and fault.status == 500 and not self._line.mode_is_proven:
            self.lower_mode()

    def lower_mode(self) -> bool:
        """Request structure in the next mode; False in the last one."""
        modes = self._line.vendor.modes
        if self._request.schema is None or self.mode is modes[-1]:
            return False
        self.mode = modes[modes.index(self.mode) + 1]
        return True

    def _leave_out_temperature(self, detail: str) -> bool:
        sent_one = self._request.temperature is not None and self.takes_temperature
        if not sent_one or "temperature" not in detail.lower():
            return False
        self.takes_temperature = self._line.takes_temperature = False
        return True

    def _rename_limit(self, fault: Fault) -> bool:
        if self._line.other_tokens_field or not self._line.vendor.two_tokens_fields:
            return False
        self._line.other_tokens_field = names_token_limit(fault.detail)
        return self._line.other_tokens_field

    def _ask_for_less(self, fault: Fault) -> bool:
        """Ask for fewer output tokens, once."""
        if self._max_tokens is not None:
            return False
        self._max_tokens = fewer_tokens(fault.detail, self._request.max_tokens)
        return self._max_tokens is not None


def describe_schema(schema: Mapping[str, Json]) -> str:
    """The schema as an instruction, for servers that accept it in no other way and for re-asks."""
    return f"Answer with a single JSON object and nothing else. It must satisfy this JSON schema:\n{json.dumps(schema)}"


def fewer_tokens(detail: str, asked: int) -> int | None:
    """How many output tokens to ask for after a server said that prompt and answer do not fit.

    Args:
        detail: the server's words, from which the room is read where they tell it.
        asked: how many were asked for.

    Returns:
        Fewer tokens; None if the prompt leaves too few.
    """
    room = _room(detail.replace(",", "").lower())
    fewer = asked // 2 if room is None or room >= asked else room
    return fewer if fewer >= _FEWEST else None


_DOUBT_AT = 3  # consecutive faults
_FEWEST = 64
_MARGIN = 16  # tokens by which servers count differently from one request to the next

_SUM = re.compile(r"(\d+) \+ \d+ > (\d+)")
_WINDOW = re.compile(r"maximum context length (?:is|of) (\d+)")
_PROMPT = re.compile(
    r"(\d+) (?:tokens? )?(?:in|from|of) (?:the |your )?(?:messages|prompt|text|input)|(\d+) (?:input|prompt) tokens"
)
_MOST_OUTPUT = re.compile(r"at most (\d+)|> (\d+) which is the maximum")


def _room(words: str) -> int | None:
    """The output tokens that a server says there is room for; None if it does not say."""
    if found := _SUM.search(words):
        return int(found[2]) - int(found[1]) - _MARGIN
    window, prompt = _WINDOW.search(words), _PROMPT.search(words)
    if window and prompt:
        return int(window[1]) - int(prompt[1] or prompt[2]) - _MARGIN
    most = _MOST_OUTPUT.search(words)
    return None if most is None else int(most[1] or most[2])
