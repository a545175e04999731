"""Addresses and keys as users write them: completed as the service's own tools do, or refused by name."""

from __future__ import annotations

import pytest

from llm_clients.addresses import full_url, ollama_url
from llm_clients.errors import LLMConfigurationError
from llm_clients.options import ClientOptions
from llm_clients.registry import connect
from llm_clients.remote import RemoteClient
from llm_clients.retry import RetryPolicy
from tests.llm_clients.test_secrets import CANARY


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),  # noqa: S104 - what a server binds
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("http://0.0.0.0:11434", "http://127.0.0.1:11434"),
        ("localhost", "http://localhost:11434"),
        ("gpu-box", "http://gpu-box:11434"),
        ("gpu-box:9", "http://gpu-box:9"),
        (":9", "http://127.0.0.1:9"),
        ("http://gpu-box", "http://gpu-box:80"),
        ("https://gpu-box", "https://gpu-box:443"),
        ("https://gpu-box:8443/ollama/", "https://gpu-box:8443/ollama"),
        ("gpu-box/ollama", "http://gpu-box:11434/ollama"),
        ("gpu-box:what", "http://gpu-box:11434"),
        ("gpu-box:99999", "http://gpu-box:11434"),
        ("[::1]:9", "http://[::1]:9"),
        ("[::]", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        (" 'gpu-box' ", "http://gpu-box:11434"),
        ("ollama.com", "https://ollama.com:443"),
    ],
)
def test_ollamas_host_means_what_it_means_to_ollama(host: str, url: str) -> None:
    assert ollama_url(host, "OLLAMA_HOST") == url
    with connect("ollama:x", env={"OLLAMA_HOST": host}) as client:
        assert isinstance(client, RemoteClient)
        assert client.vendor.endpoint == url


@pytest.mark.parametrize(
    "url", ["ftp://host/v1", "http://", "http://host:what/v1", "https://host:0/v1", "file:///etc", "http://[::1"]
)
def test_what_is_no_address_is_refused_with_its_source(url: str) -> None:
    with pytest.raises(LLMConfigurationError, match=r"OPENAI_BASE_URL .* is no address of a server"):
        connect("gpt-4", env={"OPENAI_API_KEY": CANARY, "OPENAI_BASE_URL": url})


def test_a_scheme_may_be_left_out() -> None:
    assert full_url("host:8000/v1", "x") == "http://host:8000/v1"


@pytest.mark.parametrize("query", ["?api-key=hunter2hunter2", "?x=hunter2hunter2", "#hunter2hunter2"])
def test_a_query_in_an_address_is_refused_and_not_shown(query: str) -> None:
    with pytest.raises(LLMConfigurationError) as caught:
        connect(f"vllm:x@http://127.0.0.1:1/v1{query}", env={})
    assert "http://127.0.0.1:1/v1" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (f"{CANARY}\n", "a line break"),
        (f"{CANARY}\r", "a line break"),
        (f" {CANARY}", "a space"),
        (f"{CANARY[:5]} {CANARY[5:]}", "a space"),
        (f"{CANARY}\t", "a space"),
        (f"\N{LEFT DOUBLE QUOTATION MARK}{CANARY}\N{RIGHT DOUBLE QUOTATION MARK}", "a typographic quote"),
        (f"\N{RIGHT SINGLE QUOTATION MARK}{CANARY}", "a typographic quote"),
        (f'"{CANARY}"', "a quote"),
        (f"{CANARY}\N{ZERO WIDTH SPACE}", "not ASCII"),
        (f"{CANARY}\x07", "not ASCII"),
    ],
)
@pytest.mark.parametrize(
    ("model", "variable"),
    [
        ("claude-x", "ANTHROPIC_API_KEY"),
        ("gpt-4", "OPENAI_API_KEY"),
        ("openrouter:a/b", "OPENROUTER_API_KEY"),
        ("vllm:x@http://127.0.0.1:1/v1", "VLLM_API_KEY"),
    ],
)
def test_what_cannot_be_a_key_is_refused_by_its_variable(model: str, variable: str, key: str, words: str) -> None:
    with pytest.raises(LLMConfigurationError) as caught:
        connect(model, env={variable: key})
    assert variable in str(caught.value)
    assert words in str(caught.value)
    assert CANARY not in str(caught.value)


def test_a_key_over_plain_http_stays_on_this_machine_unless_told_otherwise() -> None:
    env = {"OPENAI_API_KEY": CANARY, "VLLM_API_KEY": CANARY}
    for model in ("gpt-4", "vllm:x"):
        with pytest.raises(LLMConfigurationError, match="over plain HTTP") as caught:
            connect(model, base_url="http://gpu-box:8000/v1", env=env)
        assert "--llm-plain-http" in str(caught.value)
        assert CANARY not in str(caught.value)
        connect(model, base_url="http://gpu-box:8000/v1", env=env, options=ClientOptions(plain_http=True)).close()
        connect(model, base_url="http://127.0.0.1:8000/v1", env=env).close()
        connect(model, base_url="https://gpu-box:8000/v1", env=env).close()
    connect("vllm:x", base_url="http://gpu-box:8000/v1", env={}).close()  # no key, nothing to lose


def test_a_server_on_this_machine_may_take_longer() -> None:
    env = {"OPENAI_API_KEY": CANARY}
    assert _policy("gpt-4", env).attempt_s == 120
    local = _policy("ollama:x", {})
    assert local.attempt_s == 600
    assert local.total_s > 1200, "time for a second attempt"
    asked = _policy("gpt-4", env, ClientOptions(timeout_s=900.0))
    assert (asked.attempt_s, asked.total_s > 1800) == (900, True)
    assert _policy("ollama:x", {}, ClientOptions(timeout_s=5.0)).attempt_s == 5


def _policy(model: str, env: dict[str, str], options: ClientOptions | None = None) -> RetryPolicy:
    with connect(model, env=env, options=options) as client:
        assert isinstance(client, RemoteClient)
        return client._line.policy
