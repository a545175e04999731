"""What differs between the vendors' wire formats."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from llm_clients.fault import Fault, FaultKind, fault_of_status
from llm_clients.kinds import AnswerMode
from llm_clients.redaction import Redactor, Secret
from llm_clients.request import Message, Role, Usage
from llm_clients.scripted.script import Script, WireName
from llm_clients.vendors import anthropic, ollama, openai, sdk
from llm_clients.vendors.anthropic import AnthropicVendor
from llm_clients.vendors.base import Ask, Reply
from llm_clients.vendors.openai import OpenAIVendor, OpenRouterVendor, VLLMVendor
from tests.llm_clients.support import ANSWER, REQUEST, SCHEMA, rehearsal

FIELDS = st.sampled_from(
    ["error", "choices", "message", "content", "model", "usage", "type", "text", "code", "finish_reason", "stop_reason"]
)
KEY, REDACTOR = Secret("k"), Redactor()
ASK = Ask("Be short.", (Message(Role.USER, "Hi"),), SCHEMA, 100, 0.5, AnswerMode.NATIVE)


def _claude(**fields: Any) -> Reply | Fault:
    message = {"model": "m", "content": [], "stop_reason": "end_turn", **fields}
    return anthropic._reply(anthropic._Message.model_validate(message))


def _chat(vendor: type[OpenAIVendor] = OpenAIVendor, **fields: Any) -> Reply | Fault:
    client = vendor("m", KEY, "http://127.0.0.1:1/v1", REDACTOR)
    return client._reply(openai._Chat.model_validate({"model": "m", **fields}))


def test_claudes_thoughts_are_not_its_answer() -> None:
    thoughts = {"type": "thinking", "thinking": "hmm", "signature": "s"}
    reply = _claude(content=[thoughts, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}])
    assert isinstance(reply, Reply)
    assert reply.text == "ab"


def test_claudes_cached_tokens_are_read_tokens() -> None:
    usage = {"input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20}
    reply = _claude(content=[{"type": "text", "text": "a"}], usage=usage)
    assert reply.usage == Usage(125, 7)


def test_an_empty_answer_that_was_charged_is_a_fault_with_its_usage() -> None:
    fault = _claude(usage={"input_tokens": 5, "output_tokens": 0})
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.usage) == (FaultKind.MALFORMED, Usage(5, 0))


def test_openrouter_says_what_it_charged_and_what_failed_upstream() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.00123}
    choice = {"message": {"content": "a"}, "finish_reason": "stop"}
    reply = _chat(OpenRouterVendor, choices=[choice], usage=usage)
    assert isinstance(reply, Reply)
    assert reply.cost_usd == 0.00123
    broken = {"message": {"content": ""}, "finish_reason": "error", "error": {"code": 502, "message": "upstream"}}
    fault = _chat(OpenRouterVendor, choices=[broken])
    assert fault == Fault(FaultKind.SERVER_ERROR, "upstream", None, 502)


def test_ollamas_durations_are_read_in_seconds() -> None:
    with rehearsal(Script(answers=(ANSWER,)), WireName.OLLAMA) as (client, _):
        durations = client.complete(REQUEST).durations_s
    assert durations == pytest.approx({"load": 0.001, "prompt_eval": 0.002, "eval": 0.003, "total": 0.006})
    with rehearsal(Script(answers=(ANSWER,)), WireName.OPENAI) as (client, _):
        assert client.complete(REQUEST).durations_s is None


def test_what_each_server_is_sent() -> None:
    sent = {
        vendor: vendor("m", KEY, "http://127.0.0.1:1/v1", REDACTOR)._arguments(ASK)
        for vendor in (OpenAIVendor, OpenRouterVendor, VLLMVendor)
    }
    assert sent[OpenAIVendor]["max_completion_tokens"] == 100
    assert sent[VLLMVendor]["max_tokens"] == sent[OpenRouterVendor]["max_tokens"] == 100
    assert sent[OpenRouterVendor]["extra_body"] == {"provider": {"require_parameters": True}}
    assert sent[VLLMVendor]["response_format"]["json_schema"]["schema"] == SCHEMA
    assert all(arguments["temperature"] == 0.5 for arguments in sent.values())
    native = ollama.OllamaVendor("m", KEY, "http://127.0.0.1:1", REDACTOR)._body(ASK)
    assert native["format"] == SCHEMA
    assert native["options"] == {"num_predict": 100, "num_ctx": 4096, "temperature": 0.5}


def test_claude_gets_no_bounds_in_its_grammar_and_no_temperature() -> None:
    sent = AnthropicVendor("m", KEY, "http://127.0.0.1:1", REDACTOR)._arguments(ASK)
    grammar = sent["output_config"]["format"]["schema"]["properties"]["ratios"]["items"]
    assert "maximum" not in grammar
    assert "maximum: 1" in grammar["description"]  # described to the model, and checked by our validation
    assert not {"temperature", "top_p", "extra_body"} & set(sent)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(JSON | st.dictionaries(FIELDS, JSON))
def test_no_body_of_a_good_status_is_too_strange(body: Any) -> None:
    chat = OpenAIVendor("m", KEY, "http://127.0.0.1:1/v1", REDACTOR)
    payload = sdk._object_of(200, json.dumps(body), REDACTOR)
    if isinstance(payload, Fault):
        return
    read: list[tuple[type[BaseModel], Any]] = [
        (anthropic._Message, anthropic._reply),
        (openai._Chat, chat._reply),
        (ollama._Chat, ollama._reply),
    ]
    for shape, reply in read:
        wire = sdk.parse_wire(shape, payload)
        got = wire if isinstance(wire, Fault) else reply(wire)
        assert isinstance(got, Reply | Fault)


@given(st.integers(400, 599), JSON)
def test_no_error_body_is_too_strange(status: int, body: Any) -> None:
    fault = sdk.fault_in_body(body, status, REDACTOR)
    assert fault.status == status
    assert len(fault.detail) <= 500


def test_a_body_that_nests_for_ever_is_malformed() -> None:
    fault = sdk._object_of(200, "[" * 100_000, REDACTOR)
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.MALFORMED


@pytest.mark.parametrize(
    ("status", "code", "detail", "kind"),
    [
        (429, "", "slow down", FaultKind.RATE_LIMITED),
        (429, "insufficient_quota", "quota", FaultKind.OUT_OF_QUOTA),
        (400, "invalid_request_error", "Your credit balance is too low", FaultKind.OUT_OF_QUOTA),
        (400, "", "x is not a valid model ID", FaultKind.UNKNOWN_MODEL),
        (400, "", "Compiled grammar is too large", FaultKind.REJECTED),
        (402, "", "", FaultKind.OUT_OF_QUOTA),
        (403, "", "", FaultKind.UNAUTHORISED),
        (
            403,
            "unsupported_country_region_territory",
            "Country, region, or territory not supported",
            FaultKind.FORBIDDEN,
        ),
        (403, "", "a web page: 'Access denied'", FaultKind.FORBIDDEN),
        (400, "", "User location is not supported for the API use.", FaultKind.FORBIDDEN),
        (404, "", "", FaultKind.WRONG_ADDRESS),
        (404, "", "404 page not found", FaultKind.WRONG_ADDRESS),
        (404, "not_found_error", "Not Found", FaultKind.WRONG_ADDRESS),
        (404, "", "Invalid URL (POST /v1/v1/chat/completions)", FaultKind.WRONG_ADDRESS),
        (404, "", "a web page: 'My model zoo'", FaultKind.WRONG_ADDRESS),
        (405, "", "Method Not Allowed", FaultKind.WRONG_ADDRESS),
        (404, "not_found_error", "model: claude-x", FaultKind.UNKNOWN_MODEL),
        (404, "", "The model `x` does not exist.", FaultKind.UNKNOWN_MODEL),
        (404, "", "model 'x' not found, try pulling it first", FaultKind.UNKNOWN_MODEL),
        (404, "", "No endpoints found for acme/model-x.", FaultKind.UNKNOWN_MODEL),
        (404, "", "No endpoints found that can handle the requested parameters.", FaultKind.REJECTED),
        (404, "", "No endpoints found that support tool use.", FaultKind.REJECTED),
        (429, "", "Rate limit exceeded: free-models-per-day. Add 10 credits", FaultKind.OUT_OF_QUOTA),
        (429, "", "Rate limit reached on tokens per day (TPD): Limit 100000", FaultKind.OUT_OF_QUOTA),
        (429, "", "You exceeded your current quota, please check your plan", FaultKind.OUT_OF_QUOTA),
        (429, "", "You exceeded your current quota: requests PerMinute, retry in 20s", FaultKind.RATE_LIMITED),
        (429, "", "Rate limit reached on tokens per minute (TPM)", FaultKind.RATE_LIMITED),
        (400, "context_length_exceeded", "", FaultKind.TOO_LONG),
        (400, "", "prompt is too long: 210000 tokens > 200000 maximum", FaultKind.TOO_LONG),
        (400, "", "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000", FaultKind.TOO_LONG),
        (400, "", "max_tokens: 100000 > 8192, which is the maximum allowed", FaultKind.TOO_LONG),
        (400, "", "max_tokens is too large: 40000. This model supports at most 16384", FaultKind.TOO_LONG),
        (500, "", "the request exceeds the available context size", FaultKind.TOO_LONG),
        (400, "invalid_request_error", "Unsupported parameter: 'max_tokens'", FaultKind.REJECTED),
        (408, "", "", FaultKind.TIMEOUT),
        (413, "", "", FaultKind.REJECTED),
        (422, "", "", FaultKind.REJECTED),
        (500, "", "", FaultKind.SERVER_ERROR),
        (502, "", "", FaultKind.SERVER_ERROR),
        (503, "", "", FaultKind.OVERLOADED),
        (529, "", "", FaultKind.OVERLOADED),
    ],
)
def test_errors_are_sorted_by_what_helps(status: int, code: str, detail: str, kind: FaultKind) -> None:
    assert fault_of_status(status, detail, code=code).kind is kind
