"""From a conversation to a reply: trips to the server, with rate limit, budget and retries."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ground.names import near_misses
from llm_clients.fault import Fault, FaultKind
from llm_clients.kinds import AnswerMode, CallOutcome
from llm_clients.line import Line, Terms
from llm_clients.redaction import Redactor, redact
from llm_clients.request import Attempt, Message, Request, Usage
from llm_clients.retry import GiveUp
from llm_clients.spend_limit import Busy, Hold, Refused, most_usage
from llm_clients.vendors.base import Reply


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over without a reply."""

    outcome: CallOutcome
    detail: str


class Trips:
    """All trips of one call.

    Attributes:
        trail: the trips so far.
    """

    def __init__(self, line: Line, request: Request) -> None:
        self._line = line
        self._request = request
        self._terms = Terms(line, request)
        self._started = self._began = line.clock.now()
        self.trail: list[Attempt] = []

    @property
    def mode(self) -> AnswerMode:
        """How structured output is requested at present."""
        return self._terms.mode

    @property
    def takes_temperature(self) -> bool:
        """Whether the model takes a temperature, as far as is known."""
        return self._terms.takes_temperature

    @property
    def usage(self) -> Usage | None:
        """Tokens of all trips so far; None once one may have used tokens that nobody counted."""
        if any(attempt.reserved_tokens is not None for attempt in self.trail):
            return None
        return sum((attempt.usage for attempt in self.trail if attempt.usage is not None), Usage())

    @property
    def cost_usd(self) -> float | None:
        """US dollars of all trips so far; None once one was charged an unknown amount."""
        costs = [attempt.cost_usd for attempt in self.trail]
        if self._line.price is None and not any(costs):
            return None
        return None if None in costs else sum(cost or 0.0 for cost in costs)

    def remaining_s(self) -> float:
        """Seconds until the deadline of the call."""
        return self._line.policy.total_s - self.elapsed_s()

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
                self._terms.confirm()
                return got
            if self._terms.adapt(got):
                continue
            row += 1
            self._terms.doubt_mode(got, row)
            ended = self._wait_or_end(got, row)
            if ended is not None:
                return ended

    # one trip ----------------------------------------------------------------------------------------------------

    def _trip(self, request: Request) -> Reply | Fault | Ended:
        if not self._line.clock.wait(0.0):
            return Ended(CallOutcome.CANCELLED, "the client was closed")
        ask = self._terms.ask(request)
        most = most_usage(ask.system, ask.messages, ask.schema, ask.max_tokens)
        hold = self._reserve(most)
        if isinstance(hold, Ended):
            return hold
        sent_at = self._line.limiter.acquire(self._line.clock, self.remaining_s())
        if sent_at is None:
            self._settle(hold, Usage(), 0.0)
            return self._out_of_time()
        if self.trail:
            # how long the limiter and the policy made this trip wait, recorded with the trip before it
            gap = sent_at - self._began - self.trail[-1].latency_s
            self.trail[-1] = replace(self.trail[-1], slept_s=max(gap, 0.0))
        self._began = sent_at
        self._announce(most)
        got = self._line.vendor.send(ask, self._timeout())
        if isinstance(got, Reply):
            got = _readable(got, self._line.vendor.redactor)
        self._pace(got, sent_at)
        attempt = self._attempt(got, most)
        self._settle(hold, _counted(attempt), attempt.cost_usd)
        self.trail.append(attempt)
        return got

    def _timeout(self) -> float:
        return max(min(self._line.policy.attempt_s, self.remaining_s()), 0.01)

    def _pace(self, got: Reply | Fault, sent_at: float) -> None:
        if isinstance(got, Fault) and got.kind is FaultKind.RATE_LIMITED:
            cap_s = self._line.policy.cap_s
            retry_after_s = None if got.retry_after_s is None else min(got.retry_after_s, cap_s)
            self._line.limiter.limited(self._line.clock.now(), sent_at, retry_after_s)
        elif isinstance(got, Reply) or got.status is not None:
            self._line.limiter.passed()

    def _attempt(self, got: Reply | Fault, most: Usage) -> Attempt:
        latency_s = self._line.clock.now() - self._began
        uncounted = _is_uncounted(got, latency_s)
        price, cost_usd = self._line.price, self._cost(got, uncounted=uncounted)
        return Attempt(
            "replied" if isinstance(got, Reply) else got.kind.value,
            self.mode,
            "" if isinstance(got, Reply) else redact(got.detail),
            redact(got.text) if isinstance(got, Reply) else "",
            got.usage,
            latency_s,
            cost_usd=cost_usd,
            reserved_tokens=most.total if uncounted else None,
            reserved_usd=price.cost(most) if uncounted and price is not None and cost_usd is None else None,
        )

    # money -------------------------------------------------------------------------------------------------------

    def _announce(self, most: Usage) -> None:
        """Tell what the trip can use before it is made: if this process dies meanwhile, nobody else knows of it."""
        if self._line.announce is not None:
            price = self._line.price
            self._line.announce(most, None if price is None else price.cost(most))

    def _reserve(self, most: Usage) -> Hold | Ended | None:
        """Wait until the budget has room; None without a budget."""
        budget = self._line.options.budget
        if budget is None:
            return None
        while True:
            hold = budget.reserve(most, self._line.price)
            if isinstance(hold, Hold):
                return hold
            if isinstance(hold, Refused):
                return Ended(CallOutcome.OVER_BUDGET, hold.reason)
            assert isinstance(hold, Busy)
            if self.remaining_s() <= 0 or not self._line.clock.wait(_BUDGET_POLL_S):
                return Ended(CallOutcome.OVER_BUDGET, "not asked: the calls under way hold what is left of the budget")

    def _settle(self, hold: Hold | None, usage: Usage | None, cost: float | None) -> None:
        if self._line.options.budget is not None and hold is not None:
            self._line.options.budget.settle(hold, usage, cost)

    def _cost(self, got: Reply | Fault, *, uncounted: bool) -> float | None:
        """US dollars of a trip, as the server reports them or by tokens and price; None if they are not known."""
        price = self._line.price
        if isinstance(got, Reply) and got.cost_usd is not None:
            return got.cost_usd
        if price is not None and price.is_free:
            return 0.0
        if got.usage is not None:
            return None if price is None else price.cost(got.usage)
        return None if uncounted else 0.0

    # after a fault -----------------------------------------------------------------------------------------------

    def _wait_or_end(self, fault: Fault, row: int) -> Ended | None:
        decision = self._line.policy.decide(fault, row, self.remaining_s(), self._line.dice)
        if isinstance(decision, GiveUp):
            return Ended(fault.outcome, self._describe_end(fault, decision.reason))
        if fault.kind is FaultKind.RATE_LIMITED:
            return None  # the limiter makes all callers wait
        if not self._line.clock.wait(decision.sleep_s):
            return Ended(CallOutcome.CANCELLED, f"the client was closed after: {fault.detail}")
        return None

    def _describe_end(self, fault: Fault, reason: str) -> str:
        match fault.kind:
            case FaultKind.UNKNOWN_MODEL:
                return self._name_models(reason)
            case FaultKind.WRONG_ADDRESS | FaultKind.MALFORMED if not fault.sent:
                vendor = self._line.vendor
                place = redact(vendor.endpoint)
                return f"{reason}. The base URL {place} may be wrong: something answers, but no LLM. {vendor.url_hint}"
            case FaultKind.FORBIDDEN:
                return f"the vendor or a gateway before it refuses this place or caller, whatever the key: {reason}"
            case FaultKind.TOO_LONG:
                return (
                    f"the prompt and {self._request.max_tokens:,} tokens of answer do not fit the model's context: "
                    f"{reason}. Lower --llm-max-tokens or --llm-per-call, or name a model with a longer context"
                )
        return reason

    def _name_models(self, reason: str) -> str:
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
        return Ended(CallOutcome.RATE_LIMITED, f"no turn within the deadline of {self._line.policy.total_s:g} s{cause}")


_BUDGET_POLL_S = 0.05
_GATEWAY_GAVE_UP = (408, 504, 524)
_AT_ONCE_S = 2.0  # a server that drops a connection within this time has written no answer


def _readable(reply: Reply, redactor: Redactor) -> Reply:
    """The reply without keys that the server repeats, and without what cannot be written or sent back.

    Half a surrogate pair, as in a cut or broken answer, is such a thing.
    """

    def clean(text: str) -> str:
        return redactor.of_answer(text.encode("utf-8", "replace").decode())

    return replace(
        reply,
        text=clean(reply.text),
        model=clean(reply.model),
        stop_reason=None if reply.stop_reason is None else clean(reply.stop_reason),
        refusal=None if reply.refusal is None else clean(reply.refusal),
        thoughts=clean(reply.thoughts),
    )


def _is_uncounted(got: Reply | Fault, latency_s: float) -> bool:
    """Whether a trip may have used tokens that nobody counted.

    The server may work to the end of an answer that the client has stopped waiting for, and some never count.
    """
    if got.usage is not None:
        return False
    if isinstance(got, Reply):
        return True
    if got.status is not None:
        return got.sent or got.status in _GATEWAY_GAVE_UP
    return got.sent and (got.kind is FaultKind.TIMEOUT or latency_s > _AT_ONCE_S)


def _counted(attempt: Attempt) -> Usage | None:
    """The tokens to settle: none were used where nothing was counted and nothing is uncertain."""
    return attempt.usage or (Usage() if attempt.reserved_tokens is None else None)
