"""The shared rate limiter: simulated in virtual time with many servers, and once in real time."""

from __future__ import annotations

import heapq
import itertools
import math
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from llm_clients.kinds import CallOutcome
from llm_clients.limiter import START_RATE, AdaptiveLimiter
from llm_clients.options import ClientOptions
from llm_clients.remote import RemoteClient
from llm_clients.retry import WallClock
from llm_clients.scripted.client import scripted_vendor
from llm_clients.scripted.director import Bucket
from llm_clients.scripted.script import RateLimit, Script, WireName
from llm_clients.scripted.server import ScriptedServer
from tests.llm_clients.support import ANSWER, REQUEST


class VirtualClock:
    """Does not wait: it records how long the simulation has to delay the caller."""

    def __init__(self) -> None:
        self.time = 0.0
        self.asked = 0.0

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> bool:
        self.asked = seconds
        return False

    def close(self) -> None:
        return


@dataclass(frozen=True)
class Outcomes:
    """What a simulated server saw.

    Attributes:
        arrivals: requests that arrived.
        refused: those answered with 429.
        fraction: the rate of accepted requests as a share of the allowed rate.
        herd: the most arrivals within a tenth of a second, after the first second.
    """

    arrivals: int
    refused: int
    fraction: float
    herd: int


def simulate(calls: int, limit: RateLimit, *, latency_s: float, whole_seconds: bool = False) -> Outcomes:
    """32 callers share a limiter until `calls` are answered; a 429 takes an eighth of the latency of an answer."""
    clock, limiter, bucket = VirtualClock(), AdaptiveLimiter(), Bucket(limit, 0.0)
    order = itertools.count()
    events: list[tuple[float, int, str, float]] = []
    waiting = max(calls - 32, 0)
    accepted: list[float] = []
    arrivals: list[float] = []

    def later(delay: float, what: str, detail: float = 0.0) -> None:
        heapq.heappush(events, (clock.time + delay, next(order), what, detail))

    for _ in range(min(calls, 32)):
        later(0.0, "try")
    while events:
        clock.time, _, what, detail = heapq.heappop(events)
        if what == "try":
            sent = limiter.acquire(clock, 1e9)
            later(clock.asked + 1e-6, "try") if sent is None else later(latency_s / 4, "arrive", sent)
        elif what == "arrive":
            arrivals.append(clock.time)
            wait_s = bucket.take(clock.time)
            if wait_s <= 0:
                accepted.append(clock.time)
                later(latency_s, "answer")
            else:
                retry_after_s = math.ceil(wait_s) if whole_seconds else wait_s
                limiter.limited(clock.time, detail, retry_after_s if limit.retry_after else None)
                later(latency_s / 8, "try")
        else:
            limiter.passed()
            if waiting:
                waiting -= 1
                later(0.0, "try")
    least_s = max(calls - limit.burst, 1) / limit.per_second
    tenths = Counter(int(at * 10) for at in arrivals if at - arrivals[0] > 1.0)
    fraction = least_s / (accepted[-1] - accepted[0])
    return Outcomes(len(arrivals), len(arrivals) - calls, fraction, max(tenths.values(), default=0))


@pytest.mark.parametrize("latency_s", [0.01, 0.3, 2.0])
@pytest.mark.parametrize("retry_after", [False, True])
@pytest.mark.parametrize("calls", [32, 256])
def test_it_finds_the_rate_that_the_server_allows(calls: int, retry_after: bool, latency_s: float) -> None:
    seen = simulate(calls, RateLimit(per_second=5, burst=5, retry_after=retry_after), latency_s=latency_s)
    assert seen.fraction >= 0.9
    assert seen.refused <= 16 + calls // 4


@pytest.mark.parametrize("latency_s", [0.01, 0.3, 2.0])
def test_a_server_without_patience_is_not_hammered(latency_s: float) -> None:
    # one token, no burst: the hardest case, as each early call is refused
    seen = simulate(256, RateLimit(per_second=5, burst=1), latency_s=latency_s)
    assert seen.fraction >= 0.7
    assert seen.refused <= 48


@pytest.mark.parametrize("retry_after", [False, True])
def test_callers_do_not_come_back_as_a_herd(retry_after: bool) -> None:
    seen = simulate(32, RateLimit(per_second=5, burst=5, retry_after=retry_after), latency_s=0.01)
    assert 0 < seen.herd <= 3


def test_whole_seconds_cost_little_in_the_long_run() -> None:
    seen = simulate(512, RateLimit(per_second=5, burst=5), latency_s=0.3, whole_seconds=True)
    assert seen.fraction >= 0.85


def test_nothing_is_limited_without_a_429() -> None:
    limiter, clock = AdaptiveLimiter(), VirtualClock()
    for _ in range(200):
        clock.time += 1.0
        assert limiter.acquire(clock, 0.0) == clock.time
        limiter.passed()
    assert limiter.rate == 1000.0


def test_one_cut_for_all_that_were_under_way() -> None:
    limiter, clock = AdaptiveLimiter(), VirtualClock()
    sent = []
    for _ in range(8):
        clock.time += 0.05
        at = limiter.acquire(clock, 0.0)
        assert at is not None
        sent.append(at)
    clock.time += 0.05
    limiter.limited(clock.time, sent[0], None)
    once = limiter.rate
    for at in sent[1:]:
        limiter.limited(clock.time + 0.01, at, None)
    assert limiter.rate == once == START_RATE / 2


def test_a_streak_pauses_longer_and_the_rate_survives_it() -> None:
    limiter, clock = AdaptiveLimiter(rate=8.0), VirtualClock()
    pauses = []
    for _ in range(12):
        at = limiter.acquire(clock, 1e9)
        if at is None:
            clock.time += clock.asked
            at = limiter.acquire(clock, 1e9)
        assert at is not None
        limiter.limited(clock.time, at, None)
        assert limiter.acquire(clock, 1e9) is None
        pauses.append(clock.asked)
    assert pauses[-1] == 60.0
    assert pauses == sorted(pauses)
    assert limiter.rate >= 1.0


def test_patience_ends() -> None:
    limiter, clock = AdaptiveLimiter(), VirtualClock()
    at = limiter.acquire(clock, 1.0)
    assert at is not None
    limiter.limited(0.0, at, 30.0)
    assert limiter.acquire(clock, 10.0) is None
    assert clock.asked == 0.0  # not even waited for


def _burst_of_calls(per_second: float, callers: int) -> tuple[list[CallOutcome], list[float], list[float]]:
    """Outcomes, arrivals and accepted arrivals of that many calls at once.

    How fast they are through is shown in virtual time, above: in real time a busy machine would be measured.
    """
    script = Script(answers=(ANSWER,), rate_limit=RateLimit(per_second=per_second, burst=5))
    with ScriptedServer(script) as server:
        options = ClientOptions(clock=WallClock, sample_server=False)
        barrier = threading.Barrier(callers)

        def call(client: RemoteClient) -> CallOutcome:
            barrier.wait()
            return client.complete(REQUEST).outcome

        with (
            RemoteClient("burst", scripted_vendor(script, server.url, WireName.OPENAI), options) as client,
            ThreadPoolExecutor(callers) as pool,
        ):
            outcomes = list(pool.map(call, [client] * callers))
        totals = server.director.totals
    return outcomes, totals.arrivals, totals.accepted


@pytest.mark.slow
def test_32_calls_at_once_against_five_a_second() -> None:
    outcomes, arrivals, accepted = _burst_of_calls(5.0, 32)
    assert outcomes == [CallOutcome.ANSWERED] * 32
    assert len(accepted) == 32
    assert len(arrivals) <= 64


def test_32_calls_at_once_against_a_faster_server() -> None:
    outcomes, arrivals, _ = _burst_of_calls(40.0, 32)
    assert outcomes == [CallOutcome.ANSWERED] * 32
    assert len(arrivals) <= 64
