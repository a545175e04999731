"""Answers as servers really send them: the answer is kept, and what is not known is told as not known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llm_clients.fault import fault_of_status
from llm_clients.kinds import AnswerMode, CallOutcome
from llm_clients.prices import Price
from llm_clients.redaction import Redactor, Secret
from llm_clients.request import Usage
from llm_clients.scripted.script import FaultName, Habit, Script, WireName
from llm_clients.spend_limit import Hold, SpendLimit, recorded_spending
from llm_clients.trips import _is_uncounted
from llm_clients.vendors import anthropic, ollama, openai
from llm_clients.vendors.base import Reply
from llm_clients.vendors.openai import OpenAIVendor, OpenRouterVendor
from llm_clients.vendors.wire import count_of, dollars_of, read_content, usage_of
from tests.llm_clients.support import ANSWER, REQUEST, failing, rehearsal

SAID = json.dumps(ANSWER)
USAGES = (Habit.NO_USAGE, Habit.NULL_USAGE, Habit.EMPTY_USAGE, Habit.PARTIAL_USAGE, Habit.ODD_USAGE)
TOOLS = frozenset({AnswerMode.TOOL, AnswerMode.PROMPT})


@pytest.mark.parametrize("wire", WireName)
@pytest.mark.parametrize("habit", Habit)
@pytest.mark.parametrize("modes", [frozenset(AnswerMode), TOOLS], ids=["native", "tool"])
def test_every_habit_leaves_the_answer_as_it_is(wire: WireName, habit: Habit, modes: frozenset[AnswerMode]) -> None:
    script = Script(answers=(ANSWER,), habits=frozenset({habit}), structured=modes)
    with rehearsal(script, wire) as (client, _):
        completion = client.complete(REQUEST)
    assert (completion.outcome, completion.value) == (CallOutcome.ANSWERED, ANSWER)
    partial_is_all_there_is = wire is WireName.OLLAMA and habit is Habit.PARTIAL_USAGE
    assert (completion.usage is None) == (habit in USAGES) or partial_is_all_there_is


@pytest.mark.parametrize("wire", WireName)
def test_an_answer_only_as_thoughts_is_sent_back_and_told(wire: WireName) -> None:
    with rehearsal(failing(*[FaultName.ONLY_THOUGHTS] * 3), wire) as (client, _):
        completion = client.complete(REQUEST)
    assert completion.outcome is CallOutcome.INVALID
    assert "no answer outside the thoughts" in completion.detail
    assert {attempt.problem for attempt in completion.trail} == {"parse_error"}


@pytest.mark.parametrize(
    "message",
    [
        {"content": [{"type": "text", "text": SAID}]},
        {"content": [{"type": "output_text", "text": SAID}]},
        {"content": [{"type": "text", "text": {"value": SAID}}]},
        {"content": [SAID[:10], SAID[10:]]},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                {"type": "text", "text": SAID},
            ]
        },
        {"content": {"type": "text", "text": SAID}},
        {"content": ANSWER},
        {"content": SAID, "tool_calls": []},
        {"content": SAID, "tool_calls": None},
        {"content": "", "tool_calls": [{"function": {"arguments": ANSWER}}]},
        {"content": None, "tool_calls": [{"function": {"arguments": SAID}}]},
        {"tool_calls": [{"id": "x", "function": {"name": "give_answer", "arguments": json.dumps(SAID)}}]},
        {"tool_calls": {"function": {"arguments": ANSWER}}},
        {"content": None, "function_call": {"name": "give_answer", "arguments": SAID}},
        {"content": SAID, "tool_calls": [{"function": {"arguments": {}}}]},
        {"content": SAID, "reasoning_content": "hm", "refusal": None},
        {"content": SAID, "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
    ],
)
def test_openais_answer_in_any_shape(message: dict[str, Any]) -> None:
    reply = _openai({"choices": [{"message": message, "finish_reason": "stop"}]})
    assert json.loads(reply.text) in (ANSWER, SAID)


@pytest.mark.parametrize(
    "content",
    [
        SAID,
        [SAID],
        {"type": "text", "text": SAID},
        [{"type": "text", "text": SAID}],
        [{"type": "tool_use", "input": ANSWER}],
        [{"type": "tool_use", "input": SAID}],
        [
            {"type": "thinking", "thinking": "hm"},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "text", "text": SAID},
        ],
    ],
)
def test_claudes_answer_in_any_shape(content: Any) -> None:
    reply = anthropic._reply(anthropic._Message.model_validate({"content": content, "stop_reason": "end_turn"}), "m")
    assert isinstance(reply, Reply)
    assert (json.loads(reply.text), reply.model, reply.usage) == (ANSWER, "m", None)


@pytest.mark.parametrize(
    "message", [{"content": SAID}, {"content": [{"type": "text", "text": SAID}]}, {"content": ANSWER}]
)
def test_ollamas_answer_in_any_shape(message: dict[str, Any]) -> None:
    reply = ollama._reply(ollama._Chat.model_validate({"message": message, "total_duration": "?"}), "m")
    assert isinstance(reply, Reply)
    assert (json.loads(reply.text), reply.model, reply.usage, reply.durations_s) == (ANSWER, "m", None, None)


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
def test_the_field_of_the_thoughts_is_named(field: str) -> None:
    reply = _openai({"choices": [{"message": {"content": "", field: SAID}, "finish_reason": "stop"}]})
    assert (reply.text, reply.thoughts, reply.thoughts_field) == ("", SAID, field)


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (None, None),
        ({}, None),
        ("n/a", None),
        ([], None),
        ({"prompt_tokens": 5}, None),
        ({"completion_tokens": 5}, None),
        ({"prompt_tokens": 5, "completion_tokens": None}, None),
        ({"prompt_tokens": -5, "completion_tokens": 5}, None),
        ({"prompt_tokens": float("nan"), "completion_tokens": 5}, None),
        ({"prompt_tokens": float("inf"), "completion_tokens": 5}, None),
        ({"prompt_tokens": 10**30, "completion_tokens": 5}, None),
        ({"prompt_tokens": True, "completion_tokens": 5}, None),
        ({"prompt_tokens": "many", "completion_tokens": 5}, None),
        ({"prompt_tokens": 5.5, "completion_tokens": 5}, None),
        ({"prompt_tokens": 5, "total_tokens": 3}, None),
        ({"prompt_tokens": 5, "total_tokens": 12}, Usage(5, 7)),
        ({"prompt_tokens": "5", "completion_tokens": 7.0}, Usage(5, 7)),
        ({"prompt_tokens": 5, "completion_tokens": 7, "cost": -1}, Usage(5, 7)),
        ({"prompt_tokens": 5, "completion_tokens": 7, "cost": float("nan")}, Usage(5, 7)),
    ],
)
def test_a_usage_that_cannot_be_read_loses_no_answer(usage: Any, counted: Usage | None) -> None:
    reply = _openai({"choices": [{"message": {"content": SAID}}], "usage": usage}, OpenRouterVendor)
    assert (json.loads(reply.text), reply.usage, reply.cost_usd) == (ANSWER, counted, None)


def test_counts_and_dollars() -> None:
    counts: list[Any] = [0, "12", 12.0, "-1", "1e3", 1.5, None, True, {}]
    assert [count_of(value) for value in counts] == [0, 12, 12, *[None] * 6]
    dollars: list[Any] = [0, 0.5, -1, float("inf"), "1", None]
    assert [dollars_of(value) for value in dollars] == [0.0, 0.5, *[None] * 4]
    assert usage_of(None, 5, 12) == Usage(7, 5)
    assert read_content(None).text == ""


def test_what_was_not_counted_stays_reserved_and_unknown() -> None:
    price = Price(1.0, 2.0)
    budget = SpendLimit(max_tokens=10_000)
    script = Script(answers=(ANSWER,), habits=frozenset({Habit.NO_USAGE}))
    with rehearsal(script, WireName.OPENAI, budget=budget, price=price) as (client, _):
        completion = client.complete(REQUEST)
    assert (completion.usage, completion.cost_usd) == (None, None)
    trip = completion.trail[0]
    assert trip.reserved_tokens is not None
    assert trip.reserved_tokens > REQUEST.max_tokens
    assert budget.spent().unsettled_tokens == trip.reserved_tokens
    assert recorded_spending([completion]) == (Hold(0, 0.0), Hold(trip.reserved_tokens, trip.reserved_usd or 0.0))


def test_a_timeout_is_no_zero() -> None:
    budget = SpendLimit(max_cost_usd=1.0)
    with rehearsal(failing(FaultName.HANG), WireName.OPENAI, budget=budget, price=Price(1.0, 2.0)) as (client, _):
        completion = client.complete(REQUEST)
    assert completion.answered
    assert (completion.usage, completion.cost_usd) == (None, None)
    counted, reserved = recorded_spending([completion])
    assert counted.tokens == completion.trail[-1].usage.total  # type: ignore[union-attr]
    spent = budget.spent()
    assert (counted.tokens, reserved.tokens) == (spent.tokens, spent.unsettled_tokens)
    assert (counted.cost_usd, reserved.cost_usd) == pytest.approx((spent.cost_usd, spent.unsettled_usd))
    assert spent.unsettled_usd > 0


@pytest.mark.parametrize(("status", "reserved"), [(408, True), (504, True), (524, True), (429, False), (500, False)])
def test_a_gateway_s_timeout_is_no_zero_either(status: int, reserved: bool) -> None:
    """It has given up waiting for a server that may work on to the end."""
    assert _is_uncounted(fault_of_status(status, "gave up"), 0.5) == reserved


def test_a_server_that_charges_nothing_costs_nothing_whatever_it_counts() -> None:
    script = Script(answers=(ANSWER,), habits=frozenset({Habit.NULL_USAGE}))
    with rehearsal(script, WireName.OLLAMA, price=Price(0.0, 0.0)) as (client, _):
        completion = client.complete(REQUEST)
    assert (completion.usage, completion.cost_usd) == (None, 0.0)


def test_a_caps_reservation_is_not_lost_by_a_server_that_counts_nothing() -> None:
    budget = SpendLimit(max_tokens=15_000)
    script = Script(answers=(ANSWER,), habits=frozenset({Habit.NULL_USAGE}))
    with rehearsal(script, WireName.OPENAI, budget=budget) as (client, server):
        outcomes = [client.complete(REQUEST).outcome for _ in range(5)]
    assert outcomes[-1] is CallOutcome.OVER_BUDGET
    assert server.totals()["requests"] == outcomes.count(CallOutcome.ANSWERED) == 3


def _openai(body: dict[str, Any], vendor: type[OpenAIVendor] = OpenAIVendor) -> Reply:
    client = vendor("m", Secret("k"), "http://127.0.0.1:1/v1", Redactor())
    reply = client._reply(openai._Chat.model_validate(body))
    assert isinstance(reply, Reply)
    return reply
