"""What a server refuses is changed, one thing at a time, and what cannot be changed is told as what it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest

from llm_clients.fault import Fault, FaultKind
from llm_clients.kinds import AnswerMode, CallOutcome
from llm_clients.line import Terms, fewer_tokens
from llm_clients.redaction import Redactor, Secret
from llm_clients.request import Message, Request, Role
from llm_clients.scripted.script import FaultName, Script, WireName
from llm_clients.vendors import ollama, sdk
from llm_clients.vendors.base import Ask
from tests.llm_clients.support import ANSWER, REQUEST, SCHEMA, failing, rehearsal

CHATS = (WireName.OPENAI, WireName.OPENROUTER, WireName.VLLM)
ALL = frozenset(AnswerMode)


@pytest.mark.parametrize("wire", CHATS)
@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_the_limit_of_tokens_has_two_names(wire: WireName, field: Any) -> None:
    with rehearsal(Script(answers=(ANSWER,), tokens_field=field), wire) as (client, _):
        first, second = client.complete(REQUEST), client.complete(REQUEST)
    own = (field == "max_completion_tokens") == (wire is WireName.OPENAI)
    assert (first.value, first.mode, first.attempts) == (ANSWER, AnswerMode.NATIVE, 1 if own else 2)
    assert second.attempts == 1, "learned"


@pytest.mark.parametrize("wire", WireName)
@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_mode_may_be_refused_with_any_of_these(wire: WireName, status: Literal[400, 404, 500]) -> None:
    script = Script(answers=(ANSWER,), structured=ALL - {AnswerMode.NATIVE}, refuses_structure_with=status)
    with rehearsal(script, wire) as (client, _):
        completion = client.complete(REQUEST)
    lower = AnswerMode.PROMPT if wire is WireName.OLLAMA else AnswerMode.TOOL
    assert (completion.value, completion.mode, completion.attempts) == (ANSWER, lower, 2)


def test_a_mode_that_only_brings_errors_500_is_doubted_unless_it_has_worked() -> None:
    with rehearsal(failing(*[FaultName.SERVER_ERROR] * 3), WireName.VLLM) as (client, _):
        completion = client.complete(REQUEST)
    assert (completion.value, completion.mode, completion.attempts) == (ANSWER, AnswerMode.TOOL, 4)
    with rehearsal(Script(answers=(ANSWER,)), WireName.VLLM) as (client, server):
        client.complete(REQUEST)
        server.director.script = failing(*[FaultName.SERVER_ERROR] * 3)
        assert client.complete(REQUEST).mode is AnswerMode.NATIVE


@pytest.mark.parametrize("wire", [wire for wire in WireName if wire is not WireName.OLLAMA])
def test_prompt_and_answer_that_do_not_fit_are_asked_for_less_once(wire: WireName) -> None:
    with rehearsal(Script(answers=(ANSWER,), context=2500), wire) as (client, _):
        completion = client.complete(REQUEST)
    assert (completion.value, completion.mode, completion.attempts) == (ANSWER, AnswerMode.NATIVE, 2)
    with rehearsal(Script(answers=(ANSWER,), context=20), wire) as (client, _):
        completion = client.complete(REQUEST)
    assert completion.outcome is CallOutcome.REJECTED
    assert completion.attempts == 1, "there is no room for any answer"
    assert "do not fit the model's context" in completion.detail
    assert "maximum context length is 20 tokens" in completion.detail


@pytest.mark.parametrize(
    ("words", "fewer"),
    [
        ("maximum context length is 8192 tokens. You requested 9000 (5000 in the messages, 4000 in it)", 3176),
        ("This model's maximum context length is 8,192 tokens and your request has 5000 input tokens", 3176),
        ("input length and `max_tokens` exceed context limit: 7000 + 4000 > 8192", 1176),
        ("max_tokens: 4000 > 2048, which is the maximum allowed number of output tokens", 2048),
        ("max_tokens is too large: 4000. This model supports at most 1024 completion tokens", 1024),
        ("the request exceeds the available context size", 2000),
        ("prompt is too long", 2000),
        ("input length and `max_tokens` exceed context limit: 9000 + 4000 > 8192", None),
    ],
)
def test_the_room_is_read_from_the_servers_words(words: str, fewer: int | None) -> None:
    assert fewer_tokens(words, 4000) == fewer


@pytest.mark.parametrize("wire", WireName)
def test_a_wrong_base_url_is_told_as_one(wire: WireName) -> None:
    with rehearsal(failing(FaultName.NOT_FOUND), wire) as (client, _):
        completion = client.complete(REQUEST)
    assert completion.outcome is CallOutcome.WRONG_ADDRESS
    assert f"The base URL {client.vendor.endpoint} may be wrong" in completion.detail
    with rehearsal(failing(*[FaultName.HTML] * 6), wire) as (client, _):
        completion = client.complete(REQUEST)
    assert completion.outcome is CallOutcome.MALFORMED
    assert "a web page: 'Sign in to the network'" in completion.detail
    assert "base URL" in completion.detail


def test_the_hint_is_the_services_own() -> None:
    said = {}
    for wire in (WireName.OLLAMA, WireName.ANTHROPIC, WireName.VLLM):
        with rehearsal(failing(FaultName.NOT_FOUND), wire) as (client, _):
            said[wire] = client.complete(REQUEST).detail
    assert "no /v1 at its end" in said[WireName.OLLAMA]
    assert "no /v1 at its end" in said[WireName.ANTHROPIC]
    assert "often ends in /v1" in said[WireName.VLLM]


def test_a_router_that_names_no_parameter_may_mean_the_temperature() -> None:
    script = Script(answers=(ANSWER,), structured=frozenset({AnswerMode.PROMPT}), refuses_structure_with=404)
    with rehearsal(script, WireName.OPENROUTER) as (client, server):
        terms = Terms(client._line, replace(REQUEST, temperature=0.5))
        fault = Fault(FaultKind.REJECTED, "No endpoints found that can handle the requested parameters.")
        assert [terms.adapt(fault) for _ in range(4)] == [True, True, True, False]
        assert (terms.mode, terms.takes_temperature) == (AnswerMode.PROMPT, False)
        assert server.totals()["requests"] == 0


def test_a_region_is_not_the_keys_fault() -> None:
    with rehearsal(failing(FaultName.REGION), WireName.OPENAI) as (client, _):
        detail = client.complete(REQUEST).detail
    assert "whatever the key: Country, region, or territory not supported" in detail


def test_a_gateways_page_is_told_by_its_title() -> None:
    with rehearsal(failing(*[FaultName.GATEWAY] * 6), WireName.OPENAI) as (client, _):
        completion = client.complete(REQUEST)
    assert completion.outcome is CallOutcome.UNREACHABLE
    assert completion.detail.endswith("a web page: '502 Bad Gateway'")


def test_a_routers_provider_is_quoted() -> None:
    with rehearsal(failing(FaultName.UPSTREAM), WireName.OPENROUTER) as (client, _):
        assert (
            client.complete(REQUEST).trail[0].detail == "Provider returned error (Upstream: the upstream's own words)"
        )
    raw = {"error": {"message": "Provider returned error", "metadata": {"raw": {"error": "no such tool"}}}}
    assert sdk.fault_in_body(raw, 400, Redactor()).detail.endswith('(the provider: {"error": "no such tool"})')
    named = {"error": {"message": "Unsupported value", "param": "temperature"}}
    assert sdk.fault_in_body(named, 400, Redactor()).detail == "Unsupported value (parameter temperature)"


LONG = replace(REQUEST, messages=(Message(Role.USER, "keep ratio 0.25, " * 2000),), max_tokens=500)


def test_ollama_gets_a_window_for_prompt_and_answer() -> None:
    with rehearsal(Script(answers=(ANSWER,)), WireName.OLLAMA) as (client, server):
        completion = client.complete(LONG)
    assert completion.value == ANSWER
    assert completion.attempts == 1
    assert completion.usage is not None
    assert completion.usage.input_tokens > 8000, "the whole prompt was read"
    assert completion.usage.input_tokens == server.totals()["input_tokens"]


def test_ollamas_window_does_not_shrink_nor_change_with_every_prompt() -> None:
    vendor = ollama.OllamaVendor("m", *_NOWHERE)

    def window(length: int) -> int:
        ask = Ask("", (Message(Role.USER, "x" * length),), SCHEMA, 1000, None, AnswerMode.NATIVE)
        found: int = vendor._body(ask)["options"]["num_ctx"]
        return found

    assert [window(length) for length in (10, 5000, 8000, 9000, 10)] == [4096, 4096, 8192, 8192, 8192]


@pytest.mark.parametrize("window", [4096, 8192])
def test_a_prompt_that_was_cut_is_seen_and_told(window: int) -> None:
    with rehearsal(Script(answers=(ANSWER,), window=window), WireName.OLLAMA) as (client, _):
        completion = client.complete(replace(LONG, messages=(Message(Role.USER, "keep 0.25, " * 4000),)))
    assert (completion.outcome, completion.value) == (CallOutcome.REJECTED, None)
    assert f"it read {window:,} tokens" in completion.detail
    assert completion.usage is not None
    assert completion.usage.input_tokens == window * completion.attempts, "it was paid for"


def test_a_window_that_was_guessed_too_small_is_doubled_once() -> None:
    dense = Request.ask("\N{GRINNING FACE}" * 100, schema=SCHEMA, max_tokens=64)
    with rehearsal(Script(answers=(ANSWER,)), WireName.OLLAMA) as (client, _):
        assert client.complete(dense).answered
        client.vendor._window = 64  # type: ignore[attr-defined]
        assert client.vendor.widen()
        assert not client.vendor.widen()


_NOWHERE: Any = (Secret("k"), "http://127.0.0.1:1", Redactor())
