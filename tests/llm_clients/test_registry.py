"""Creating clients by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llm_clients.errors import LLMConfigurationError, MissingKeyError, ScriptError
from llm_clients.registry import connect
from llm_clients.remote import RemoteClient
from llm_clients.vendors.anthropic import AnthropicVendor
from llm_clients.vendors.base import Vendor
from llm_clients.vendors.ollama import OllamaVendor
from llm_clients.vendors.openai import OpenAIVendor, OpenRouterVendor, VLLMVendor
from tests.llm_clients.support import ANSWER, REQUEST

KEYS = {"ANTHROPIC_API_KEY": "a-key", "OPENAI_API_KEY": "o-key", "OPENROUTER_API_KEY": "r-key"}


@pytest.mark.parametrize(
    ("name", "vendor", "sent", "endpoint"),
    [
        ("claude-sonnet-5", AnthropicVendor, "claude-sonnet-5", "https://api.anthropic.com"),
        ("claude-3-5-sonnet-20241022", AnthropicVendor, "claude-3-5-sonnet-20241022", "https://api.anthropic.com"),
        ("gpt-4", OpenAIVendor, "gpt-4", "https://api.openai.com/v1"),
        ("llama-3-70b", OpenRouterVendor, "meta-llama/llama-3-70b-instruct", "https://openrouter.ai/api/v1"),
        ("openrouter:qwen/qwen3", OpenRouterVendor, "qwen/qwen3", "https://openrouter.ai/api/v1"),
        ("ollama:codellama:7b", OllamaVendor, "codellama:7b", "http://127.0.0.1:11434"),
        ("vllm:my/model@http://host:8000/v1", VLLMVendor, "my/model", "http://host:8000/v1"),
    ],
)
def test_a_name_leads_to_its_service(name: str, vendor: type[Vendor], sent: str, endpoint: str) -> None:
    with connect(name, env=KEYS) as client:
        assert isinstance(client, RemoteClient)
        assert type(client.vendor) is vendor
        assert (client.vendor.model, client.vendor.endpoint, client.model) == (sent, endpoint, name)


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("claude-sonnet-5", "ANTHROPIC_API_KEY"),
        ("gpt-4", "OPENAI_API_KEY"),
        ("openrouter:a/b", "OPENROUTER_API_KEY"),
        ("llama-3-70b", "OPENROUTER_API_KEY"),
    ],
)
def test_a_missing_key_is_named_by_its_variable(name: str, variable: str) -> None:
    with pytest.raises(MissingKeyError) as caught:
        connect(name, env={"OTHER": "secret-value"})
    assert variable in str(caught.value)
    assert name in str(caught.value)
    assert "secret-value" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "bard", "openrouter:", "scripted:", "mistral:x"])
def test_an_unknown_name_is_quoted_with_names_that_would_work(name: str) -> None:
    with pytest.raises(LLMConfigurationError) as caught:
        connect(name, env=KEYS)
    assert repr(name) in str(caught.value)
    assert "openrouter:meta-llama/" in str(caught.value)


def test_a_server_of_ones_own_needs_an_address() -> None:
    with pytest.raises(LLMConfigurationError, match="vllm:tiny@http://host:port/v1"):
        connect("vllm:tiny", env={})


def test_base_urls_come_from_the_flag_then_the_variable() -> None:
    env = {**KEYS, "OPENAI_BASE_URL": "https://from-env/v1", "OLLAMA_HOST": "127.0.0.1:9"}
    endpoints = [
        connect("gpt-4", env=env).vendor.endpoint,  # type: ignore[attr-defined]
        connect("gpt-4", env=env, base_url="https://flag/v1").vendor.endpoint,  # type: ignore[attr-defined]
        connect("ollama:x", env=env).vendor.endpoint,  # type: ignore[attr-defined]
    ]
    assert endpoints == ["https://from-env/v1", "https://flag/v1", "http://127.0.0.1:9"]


@pytest.mark.parametrize("wire", ["anthropic", "openai", "openrouter", "ollama", "vllm"])
def test_scripted_answers_through_a_real_sdk_and_says_so(tmp_path: Path, wire: str) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"model": "scripted-rehearsal", "wire": wire, "answers": [ANSWER]}))
    with connect(f"scripted:{script}", env={}) as client:
        completion = client.complete(REQUEST)
    assert completion.value == ANSWER
    assert completion.model == "scripted-rehearsal"
    assert completion.scripted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot read"),
        ("{", "is not a script"),
        ('{"answers": [1], "model": "gpt-4"}', "model"),
        ('{"answers": []}', "calls, replies, answers or improvise"),
        ('{"calls": [{"fault": "earthquake"}]}', "fault"),
    ],
)
def test_a_bad_script_is_refused_by_name(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "bad.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ScriptError) as caught:
        connect(f"scripted:{path}", env={})
    assert "bad.json" in str(caught.value)
    assert message in str(caught.value)
