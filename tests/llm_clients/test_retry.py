"""The retry policy: what is retried, how long the client waits, when it gives up."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_clients.errors import LLMConfigurationError
from llm_clients.fault import Fault, FaultKind
from llm_clients.kinds import CallOutcome
from llm_clients.retry import GiveUp, Retry, RetryPolicy, WallClock
from llm_clients.scripted.script import FaultName, Script, Step, WireName
from llm_clients.vendors.sdk import _retry_after
from tests.llm_clients.support import ANSWER, REQUEST, LeapingClock, failing, rehearsal

PASSING = [kind for kind in FaultKind if Fault(kind, "").passing]


@given(st.sampled_from(PASSING), st.integers(1, 40), st.none() | st.floats(0, 1e5), st.integers())
def test_sleeps_are_capped_and_never_shorter_than_asked(
    kind: FaultKind, row: int, asked_s: float | None, seed: int
) -> None:
    policy = RetryPolicy(attempts=50, cap_s=60.0, total_s=1e9)
    decision = policy.decide(Fault(kind, "a detail", asked_s), row, 1e9, random.Random(seed))
    if asked_s is not None and asked_s > 60.0:
        assert isinstance(decision, GiveUp)
        assert f"{asked_s:g} s" in decision.reason
    else:
        assert isinstance(decision, Retry)
        assert (asked_s or 0.0) <= decision.sleep_s <= 60.0


@given(st.sampled_from([kind for kind in FaultKind if kind not in PASSING]), st.integers(1, 5))
def test_what_does_not_pass_is_not_tried_again(kind: FaultKind, row: int) -> None:
    assert RetryPolicy().decide(Fault(kind, "a detail"), row, 1e9, random.Random(0)) == GiveUp("a detail")


def test_sleeps_grow_with_faults_in_a_row() -> None:
    policy = RetryPolicy(attempts=10, first_sleep_s=1.0, cap_s=60.0)
    fault = Fault(FaultKind.SERVER_ERROR, "")
    bounds = [1, 2, 4, 8, 16, 32, 60, 60]
    for row, bound in enumerate(bounds, start=1):
        decision = policy.decide(fault, row, 1e9, random.Random(row))
        assert isinstance(decision, Retry)
        assert bound / 2 <= decision.sleep_s <= bound


@pytest.mark.parametrize("field", ["attempts", "first_sleep_s", "cap_s", "total_s", "attempt_s"])
def test_a_policy_needs_positive_numbers(field: str) -> None:
    with pytest.raises(LLMConfigurationError):
        RetryPolicy(**{field: 0})


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after": "soon"}, None),
    ],
)
def test_what_a_server_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert _retry_after(headers) == seconds


def test_a_date_to_wait_for() -> None:
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=90)
    soonest = datetime.now(UTC)
    seconds = _retry_after({"retry-after": format_datetime(later, usegmt=True)})
    assert seconds is not None
    assert soonest <= later - timedelta(seconds=seconds) <= datetime.now(UTC)


@pytest.mark.parametrize("wire", WireName)
def test_retry_after_is_respected(wire: WireName) -> None:
    script = Script(calls=(Step(fault=FaultName.RATE_LIMIT, retry_after_s=7.0),), answers=(ANSWER,))
    with rehearsal(script, wire) as (client, _):
        completion = client.complete(REQUEST)
    assert completion.value == ANSWER
    assert completion.trail[0].slept_s >= 6.9  # our own bookkeeping lies between the two clocks
    assert completion.latency_s >= 7.0


@pytest.mark.parametrize("wire", WireName)
def test_an_hour_is_not_waited_for(wire: WireName) -> None:
    script = Script(calls=(Step(fault=FaultName.RATE_LIMIT, retry_after_s=3600.0),), answers=(ANSWER,))
    clock = LeapingClock()
    with rehearsal(script, wire, clock=lambda: clock) as (client, _):
        completion = client.complete(REQUEST)
    assert completion.outcome is CallOutcome.RATE_LIMITED
    assert completion.attempts == 1
    assert "3600 s, more than the cap of 60 s" in completion.detail
    assert sum(clock.waits) < 60.0


@pytest.mark.parametrize("wire", WireName)
def test_a_server_that_limits_for_ever_is_left_at_the_deadline(wire: WireName) -> None:
    clock = LeapingClock()
    with rehearsal(failing(*[FaultName.RATE_LIMIT] * 100), wire, clock=lambda: clock) as (client, server):
        completion = client.complete(REQUEST)
        tried = server.totals()["requests"]
    assert completion.outcome is CallOutcome.RATE_LIMITED
    assert "deadline of 600 s" in completion.detail
    assert sum(clock.waits) <= 600.0
    assert 8 <= tried <= 30  # every minute at the end: neither a hammer nor asleep


@pytest.mark.parametrize("kind", [FaultName.SERVER_ERROR, FaultName.RESET, FaultName.HTML, FaultName.NULL_CHOICES])
@pytest.mark.parametrize("wire", WireName)
def test_a_server_that_fails_for_ever_is_left_after_some_attempts(wire: WireName, kind: FaultName) -> None:
    clock = LeapingClock()
    with rehearsal(failing(*[kind] * 100), wire, clock=lambda: clock) as (client, _):
        completion = client.complete(REQUEST)
    assert completion.outcome in (CallOutcome.UNREACHABLE, CallOutcome.MALFORMED)
    assert completion.attempts == RetryPolicy().attempts
    assert "6 attempts in a row failed" in completion.detail
    assert 15 <= sum(clock.waits) <= 31  # 1 + 2 + 4 + 8 + 16 at most, half of it at least


def test_the_deadline_holds_for_trips_sleeps_and_reasks_together() -> None:
    policy, clock = RetryPolicy(attempts=100, total_s=20.0), LeapingClock()
    script = failing(*[FaultName.SERVER_ERROR] * 100)
    with rehearsal(script, WireName.OPENAI, policy=policy, clock=lambda: clock) as (client, _):
        completion = client.complete(REQUEST)
    assert completion.outcome is CallOutcome.UNREACHABLE
    assert "deadline of 20 s" in completion.detail
    assert sum(clock.waits) <= 20.0


def test_a_trip_never_outlasts_the_deadline() -> None:
    policy = RetryPolicy(attempts=3, attempt_s=60.0, total_s=0.4)
    with rehearsal(failing(FaultName.HANG, hang_s=30.0), WireName.OPENAI, policy=policy) as (client, _):
        completion = client.complete(REQUEST)
    assert completion.outcome is CallOutcome.UNREACHABLE
    assert [attempt.result for attempt in completion.trail] == ["timeout"], "not the answer that comes after the hang"


def test_faults_in_a_row_start_over_after_a_reply() -> None:
    row = [FaultName.SERVER_ERROR] * 5
    with rehearsal(failing(*row, FaultName.CUT_JSON, *row), WireName.OPENAI) as (client, _):
        completion = client.complete(REQUEST)
    assert completion.value == ANSWER
    assert completion.attempts == 12


def test_closing_wakes_a_wait() -> None:
    clock = WallClock()
    waited: list[bool] = []
    waiter = threading.Thread(target=lambda: waited.append(clock.wait(60.0)))
    waiter.start()
    clock.close()
    waiter.join()
    assert waited == [False]
    assert not clock.wait(0.0)


def test_a_call_that_waits_is_cancelled_by_closing() -> None:
    class ClosingClock(LeapingClock):
        def wait(self, seconds: float) -> bool:
            if seconds > 0:
                self.close()
            return super().wait(seconds)

    with rehearsal(failing(FaultName.SERVER_ERROR), WireName.OPENAI, clock=ClosingClock) as (client, _):
        completion = client.complete(REQUEST)
    assert completion.outcome is CallOutcome.CANCELLED
    assert "Internal server error" in completion.detail
