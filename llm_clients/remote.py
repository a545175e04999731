"""The client of every real server: one exchange is trips, retries, a way down the ladder, and re-asks."""

from __future__ import annotations

import difflib
import json
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NoReturn

from llm_clients.client import LLMClient
from llm_clients.fault import Fault, FaultKind
from llm_clients.judge import Verdict, check_schema, judge
from llm_clients.prices import Price
from llm_clients.redaction import redact
from llm_clients.request import Attempt, Completion, Json, Message, Outcome, Request, Role, Rung, Usage
from llm_clients.retry import Clock, GiveUp, RetryPolicy, WallClock
from llm_clients.vendors.base import Ask, Reply, Vendor

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """How a client goes about its calls.

    Attributes:
        price: of the model; None if not known.
        reasks: how often an invalid answer is sent back with the validator's words.
        clock: time and waiting.
    """

    policy: RetryPolicy = field(default_factory=RetryPolicy)
    price: Price | None = None
    reasks: int = 2
    clock: Clock = field(default_factory=WallClock)


class RemoteClient(LLMClient):
    """Asks one vendor on the given terms."""

    def __init__(self, name: str, vendor: Vendor, terms: Terms) -> None:
        self._name = name
        self.vendor = vendor
        self.terms = terms
        self.dice = random.Random()  # noqa: S311 - spreads sleeps; decides nothing that a result depends on
        self.rung = vendor.rungs[0]
        self.takes_temperature = vendor.takes_temperature

    @property
    def model(self) -> str:
        return self._name

    def complete(self, request: Request) -> Completion:
        if request.schema is not None:
            check_schema(request.schema)
        completion = _Exchange(self, request).run()
        logger.info("%s: %s after %d attempts", self._name, completion.outcome, completion.attempts)
        return completion

    def close(self) -> None:
        self.terms.clock.close()
        self.vendor.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("an LLM client does not travel: connect to the model in the process that calls it")


@dataclass(frozen=True, slots=True)
class _Ended:
    """The exchange is over without a reply."""

    outcome: Outcome
    detail: str


class _Exchange:
    """The state of one call: what has been said, spent and tried so far."""

    def __init__(self, client: RemoteClient, request: Request) -> None:
        self._client = client
        self._terms = client.terms
        self._request = request
        self._messages = request.messages
        self._rung = client.rung
        self._takes_temperature = client.takes_temperature
        self._started = self._terms.clock.now()
        self._trail: list[Attempt] = []
        self._reasked = 0
        self._reworded = False

    def run(self) -> Completion:
        while True:
            reply = self._reply()
            if isinstance(reply, _Ended):
                return self._completion(Verdict(reply.outcome, detail=reply.detail), None)
            verdict = judge(reply, self._request.schema)
            words = f"{verdict.detail} {verdict.error or ''}".strip()
            self._note(verdict.outcome, words, reply=reply)
            more = self._follow_up(reply, verdict)
            if not more:
                return self._completion(verdict, reply)
            self._messages = (*self._messages, *more)

    # one reply ---------------------------------------------------------------------------------------------------

    def _reply(self) -> Reply | _Ended:
        """Trips until the server replies, or until trying again would not help."""
        row = 0
        while True:
            self._trip_began = self._terms.clock.now()
            got = self._client.vendor.send(self._ask(), self._timeout())
            if isinstance(got, Reply):
                # only now is it known that the server objected to the rung and not to the request
                self._client.rung = self._rung
                return got
            if self._adapt(got):
                self._note(got.kind, got.detail, usage=got.usage)
                continue
            row += 1
            ended = self._wait_or_end(got, row)
            if ended is not None:
                return ended

    def _wait_or_end(self, fault: Fault, row: int) -> _Ended | None:
        decision = self._terms.policy.decide(fault, row, self._remaining(), self._client.dice)
        if isinstance(decision, GiveUp):
            self._note(fault.kind, fault.detail, usage=fault.usage)
            return _Ended(fault.outcome, self._last_words(fault, decision.why))
        self._note(fault.kind, fault.detail, usage=fault.usage, slept_s=decision.sleep_s)
        if not self._terms.clock.wait(decision.sleep_s):
            return _Ended(Outcome.CANCELLED, f"closed while waiting after: {fault.detail}")
        return None

    def _ask(self) -> Ask:
        request = replace(self._request, messages=self._messages)
        if request.schema is not None and self._rung is Rung.PROMPT:
            request = replace(request, system=f"{request.system}\n\n{_in_words(request.schema)}".strip())
        return Ask.of(request, self._rung, takes_temperature=self._takes_temperature)

    def _adapt(self, fault: Fault) -> bool:
        """After a 400: leave out what the server names, else ask for structure one rung lower."""
        if fault.kind is not FaultKind.REJECTED:
            return False
        if self._request.temperature is not None and self._takes_temperature and "temperature" in fault.detail.lower():
            self._takes_temperature = self._client.takes_temperature = False
            return True
        rungs = self._client.vendor.rungs
        if self._request.schema is None or self._rung is rungs[-1]:
            return False
        self._rung = rungs[rungs.index(self._rung) + 1]
        return True

    def _last_words(self, fault: Fault, why: str) -> str:
        if fault.kind is not FaultKind.UNKNOWN_MODEL:
            return why
        names = self._client.vendor.models(self._timeout())
        if isinstance(names, Fault) or not names:
            return f"{why} (the server lists no models)"
        near = difflib.get_close_matches(self._client.vendor.model, names, n=5, cutoff=0.3) or sorted(names)[:8]
        return f"{why} Names that would work: {', '.join(near)}"

    # what follows a reply ----------------------------------------------------------------------------------------

    def _follow_up(self, reply: Reply, verdict: Verdict) -> tuple[Message, ...]:
        """Messages to say next; none when this verdict is the last."""
        if self._remaining() <= 0:
            return ()
        if verdict.outcome is Outcome.INVALID and self._reasked < self._terms.reasks:
            self._reasked += 1
            return (
                Message(Role.ASSISTANT, reply.text),
                Message(Role.USER, _correction(verdict, self._request.schema)),
            )
        if verdict.outcome is Outcome.REFUSED and self._request.reword is not None and not self._reworded:
            self._reworded = True
            said = reply.text or verdict.detail
            return (Message(Role.ASSISTANT, said), Message(Role.USER, self._request.reword))
        return ()

    # bookkeeping -------------------------------------------------------------------------------------------------

    def _remaining(self) -> float:
        return self._terms.policy.total_s - (self._terms.clock.now() - self._started)

    def _timeout(self) -> float:
        return max(min(self._terms.policy.attempt_s, self._remaining()), 0.01)

    def _note(
        self,
        result: str,
        detail: str,
        *,
        reply: Reply | None = None,
        usage: Usage | None = None,
        slept_s: float = 0.0,
    ) -> None:
        latency_s = self._terms.clock.now() - self._trip_began
        text = "" if reply is None else redact(reply.text)
        usage = usage if reply is None else reply.usage
        self._trail.append(Attempt(str(result), self._rung, redact(detail), text, usage, latency_s, slept_s))

    def _completion(self, verdict: Verdict, reply: Reply | None) -> Completion:
        usage = sum((attempt.usage for attempt in self._trail if attempt.usage is not None), Usage())
        price = self._terms.price
        not_sent = self._request.temperature is not None and not self._takes_temperature
        return Completion(
            outcome=verdict.outcome,
            model=self._client.vendor.model if reply is None else reply.model,
            text="" if reply is None else redact(reply.text),
            value=verdict.value,
            stop_reason=None if reply is None else reply.stop_reason,
            usage=usage,
            latency_s=self._terms.clock.now() - self._started,
            cost_usd=None if price is None else price.cost(usage),
            attempts=len(self._trail),
            validation_error=None if verdict.error is None else redact(verdict.error),
            detail=redact(verdict.detail),
            rung=self._rung,
            form=None if verdict.form is None else str(verdict.form),
            not_sent=("temperature",) if not_sent else (),
            trail=tuple(self._trail),
            durations_s=None if reply is None else reply.durations_s,
        )


def _in_words(schema: Mapping[str, Json]) -> str:
    return f"Answer with a single JSON object and nothing else. It must satisfy this JSON schema:\n{json.dumps(schema)}"


def _correction(verdict: Verdict, schema: Mapping[str, Json] | None) -> str:
    assert schema is not None, "only an answer with a schema can be invalid"
    return f"That answer is not valid: {verdict.error}\n{_in_words(schema)}"
