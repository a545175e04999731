"""From a conversation to a reply: trips to the server, with rate limit, budget and retries."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ground.names import near_misses
from llm_clients.client import Announcement
from llm_clients.fault import Fault, FaultKind
from llm_clients.kinds import AnswerMode, CallOutcome
from llm_clients.limiter import AdaptiveLimiter
from llm_clients.options import ClientOptions
from llm_clients.prices import Price
from llm_clients.redaction import redact
from llm_clients.request import Attempt, Json, Message, Request, Usage
from llm_clients.retry import Clock, GiveUp
from llm_clients.spend_limit import Busy, Hold, Refused, most_usage
from llm_clients.vendors.base import Ask, Reply, Vendor


@dataclass(slots=True)
class Line:
    """A vendor, and what its client has learned about it so far; shared by all calls."""

    vendor: Vendor
    options: ClientOptions
    limiter: AdaptiveLimiter
    clock: Clock
    price: Price | None
    dice: random.Random
    mode: AnswerMode
    takes_temperature: bool
    announce: Announcement | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over without a reply."""

    outcome: CallOutcome
    detail: str


class Trips:
    """All trips of one call.

    Attributes:
        mode: how structured output is requested at present.
        takes_temperature: whether the model takes a temperature, as far as is known.
        trail: the trips so far.
        cost_usd: of all trips so far; None once one was charged an unknown amount.
    """

    def __init__(self, line: Line, request: Request) -> None:
        self._line = line
        self._request = request
        self._started = self._began = line.clock.now()
        self.mode = line.mode
        self.takes_temperature = line.takes_temperature
        self.trail: list[Attempt] = []
        self.cost_usd: float | None = 0.0 if line.price is not None else None

    def remaining_s(self) -> float:
        """Seconds until the deadline of the call."""
        return self._line.options.policy.total_s - self.elapsed_s()

    def elapsed_s(self) -> float:
        """Seconds since the call began."""
        return self._line.clock.now() - self._started

    def reply(self, messages: tuple[Message, ...]) -> Reply | Ended:
        """Make trips until the server replies, or until trying again would not help."""
        row = 0
        while True:
            got = self._trip(replace(self._request, messages=messages))
            if isinstance(got, Ended):
                return got
            if isinstance(got, Reply):
                # only now is it known that the server rejected the mode and not the request
                self._line.mode = self.mode
                return got
            if self._adapt(got):
                continue
            row += 1
            ended = self._wait_or_end(got, row)
            if ended is not None:
                return ended

    # one trip ----------------------------------------------------------------------------------------------------

    def _trip(self, request: Request) -> Reply | Fault | Ended:
        if not self._line.clock.wait(0.0):
            return Ended(CallOutcome.CANCELLED, "the client was closed")
        ask = self._ask(request)
        hold = self._reserve(ask)
        if isinstance(hold, Ended):
            return hold
        sent_at = self._line.limiter.acquire(self._line.clock, self.remaining_s())
        if sent_at is None:
            self._settle(hold, None, None)
            return self._out_of_time()
        if self.trail:
            # how long the limiter and the policy made this trip wait, recorded with the trip before it
            gap = sent_at - self._began - self.trail[-1].latency_s
            self.trail[-1] = replace(self.trail[-1], slept_s=max(gap, 0.0))
        self._began = sent_at
        self._announce(most_usage(ask.system, ask.messages, ask.schema, ask.max_tokens))
        got = self._line.vendor.send(ask, self._timeout())
        if isinstance(got, Reply):
            # half a surrogate pair, as in a cut or broken answer, cannot be written or sent back
            got = replace(got, text=got.text.encode("utf-8", "replace").decode())
        self._pace(got, sent_at)
        self._settle(hold, got.usage, self._cost(got), uncertain=_may_be_charged(got))
        self._note(got)
        return got

    def _ask(self, request: Request) -> Ask:
        if request.schema is not None and self.mode is AnswerMode.PROMPT:
            request = replace(request, system=f"{request.system}\n\n{describe_schema(request.schema)}".strip())
        return Ask.of(request, self.mode, takes_temperature=self.takes_temperature)

    def _timeout(self) -> float:
        return max(min(self._line.options.policy.attempt_s, self.remaining_s()), 0.01)

    def _pace(self, got: Reply | Fault, sent_at: float) -> None:
        if isinstance(got, Fault) and got.kind is FaultKind.RATE_LIMITED:
            cap_s = self._line.options.policy.cap_s
            retry_after_s = None if got.retry_after_s is None else min(got.retry_after_s, cap_s)
            self._line.limiter.limited(self._line.clock.now(), sent_at, retry_after_s)
        elif isinstance(got, Reply) or got.status is not None:
            self._line.limiter.passed()

    def _note(self, got: Reply | Fault) -> None:
        latency_s = self._line.clock.now() - self._began
        if isinstance(got, Reply):
            attempt = Attempt("replied", self.mode, "", redact(got.text), got.usage, latency_s)
        else:
            attempt = Attempt(got.kind.value, self.mode, redact(got.detail), "", got.usage, latency_s)
        self.trail.append(attempt)

    # money -------------------------------------------------------------------------------------------------------

    def _announce(self, most: Usage) -> None:
        """Tell what the trip can use before it is made: if this process dies meanwhile, nobody else knows of it."""
        if self._line.announce is not None:
            price = self._line.price
            self._line.announce(most, None if price is None else price.cost(most))

    def _reserve(self, ask: Ask) -> Hold | Ended | None:
        """Wait until the budget has room; None without a budget."""
        budget = self._line.options.budget
        if budget is None:
            return None
        most = most_usage(ask.system, ask.messages, ask.schema, ask.max_tokens)
        while True:
            hold = budget.reserve(most, self._line.price)
            if isinstance(hold, Hold):
                return hold
            if isinstance(hold, Refused):
                return Ended(CallOutcome.OVER_BUDGET, hold.reason)
            assert isinstance(hold, Busy)
            if self.remaining_s() <= 0 or not self._line.clock.wait(_BUDGET_POLL_S):
                return Ended(CallOutcome.OVER_BUDGET, "not asked: the calls under way hold what is left of the budget")

    def _settle(self, hold: Hold | None, usage: Usage | None, cost: float | None, *, uncertain: bool = False) -> None:
        if self._line.options.budget is not None and hold is not None:
            self._line.options.budget.settle(hold, usage, cost, uncertain=uncertain)

    def _cost(self, got: Reply | Fault) -> float | None:
        """US dollars of a trip, as the server reports them or by tokens and price; they are added to the sum."""
        cost = got.cost_usd if isinstance(got, Reply) else None
        if cost is None and got.usage is not None:
            cost = None if self._line.price is None else self._line.price.cost(got.usage)
        elif cost is None:
            return 0.0  # no tokens counted, so nothing is known to be charged
        known = self.cost_usd is not None or not any(attempt.usage for attempt in self.trail)
        self.cost_usd = (self.cost_usd or 0.0) + cost if cost is not None and known else None
        return cost

    # after a fault -----------------------------------------------------------------------------------------------

    def _adapt(self, fault: Fault) -> bool:
        """After a 400: leave out the parameter that the server names, else request structure in the next mode."""
        if fault.kind is not FaultKind.REJECTED:
            return False
        sent_one = self._request.temperature is not None and self.takes_temperature
        if sent_one and "temperature" in fault.detail.lower():
            self.takes_temperature = self._line.takes_temperature = False
            return True
        modes = self._line.vendor.modes
        if self._request.schema is None or self.mode is modes[-1]:
            return False
        self.mode = modes[modes.index(self.mode) + 1]
        return True

    def _wait_or_end(self, fault: Fault, row: int) -> Ended | None:
        decision = self._line.options.policy.decide(fault, row, self.remaining_s(), self._line.dice)
        if isinstance(decision, GiveUp):
            return Ended(fault.outcome, self._describe_end(fault, decision.reason))
        if fault.kind is FaultKind.RATE_LIMITED:
            return None  # the limiter makes all callers wait
        if not self._line.clock.wait(decision.sleep_s):
            return Ended(CallOutcome.CANCELLED, f"the client was closed after: {fault.detail}")
        return None

    def _describe_end(self, fault: Fault, reason: str) -> str:
        if fault.kind is not FaultKind.UNKNOWN_MODEL:
            return reason
        names = self._line.vendor.models(self._timeout())
        if isinstance(names, Fault) or not names:
            return f"{reason} (the server lists no models)"
        near = near_misses(self._line.vendor.model, names, most=5, likeness=0.3) or sorted(names)[:8]
        return f"{reason} Names that would work: {', '.join(near)}"

    def _out_of_time(self) -> Ended:
        last = self.trail[-1] if self.trail else None
        if self.remaining_s() > 0 and not self._line.clock.wait(0.0):
            return Ended(CallOutcome.CANCELLED, "closed while waiting for its turn")
        cause = "" if last is None else f"; the last fault: {last.detail}"
        return Ended(
            CallOutcome.RATE_LIMITED, f"no turn within the deadline of {self._line.options.policy.total_s:g} s{cause}"
        )


def describe_schema(schema: Mapping[str, Json]) -> str:
    """The schema as an instruction, for servers that accept it in no other way and for re-asks."""
    return f"Answer with a single JSON object and nothing else. It must satisfy this JSON schema:\n{json.dumps(schema)}"


_BUDGET_POLL_S = 0.05


def _may_be_charged(got: Reply | Fault) -> bool:
    """Whether the cost of a failed trip is unknown: after a timeout the server may have worked to the end."""
    return isinstance(got, Fault) and got.kind is FaultKind.TIMEOUT
