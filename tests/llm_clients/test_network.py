"""Variables for proxies and certificates: nothing on this machine is proxied, and what cannot be used is named."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from llm_clients.errors import LLMConfigurationError
from llm_clients.kinds import CallOutcome
from llm_clients.options import ClientOptions
from llm_clients.registry import connect
from llm_clients.request import Message, Request, Role
from llm_clients.scripted.client import ScriptedClient
from llm_clients.scripted.script import Script, WireName
from llm_clients.vendors.network import check_certificates, check_proxies

QUESTION = Request("", (Message(Role.USER, "Hello?"),), max_tokens=64)
NOWHERE = "http://127.0.0.1:9"  # the discard port: whatever is sent there fails


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return iter(())


@pytest.mark.parametrize("wire", list(WireName))
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("http_proxy", NOWHERE),
        ("HTTP_PROXY", NOWHERE),
        ("ALL_PROXY", "socks5://127.0.0.1:9"),
        ("all_proxy", "gopher://x"),
        ("https_proxy", "http://["),
        ("SSL_CERT_FILE", "/nowhere/ca.pem"),
        ("SSL_CERT_DIR", "/nowhere"),
        ("no_proxy", "[::1,//,http://["),
    ],
)
def test_a_server_on_this_machine_is_reached_whatever_is_set(
    monkeypatch: pytest.MonkeyPatch, wire: WireName, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    client = ScriptedClient("scripted", Script(model="scripted-m", wire=wire, answers=({"a": 1},)), ClientOptions())
    try:
        assert client.complete(QUESTION).outcome is CallOutcome.ANSWERED
    finally:
        client.close()


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("ALL_PROXY", "socks5://proxy:1080", ("ALL_PROXY", "socksio")),
        ("all_proxy", "gopher://proxy", ("all_proxy", "gopher://")),
        ("HTTPS_PROXY", "http://[", ("HTTPS_PROXY", "no address")),
        ("http_proxy", "http://proxy:notaport", ("http_proxy", "no address")),
        ("http_proxy", "http://proxy:99999999", ("http_proxy", "no address")),
        ("http_proxy", "http://", ("http_proxy", "no host")),
        ("https_proxy", "http://me:hunter2@[", ("https_proxy", "[redacted]")),
        ("SSL_CERT_FILE", "/nowhere/ca.pem", ("SSL_CERT_FILE", "'/nowhere/ca.pem'", "No such file")),
        ("SSL_CERT_FILE", "/dev/null", ("SSL_CERT_FILE", "'/dev/null'")),
    ],
)
def test_elsewhere_what_cannot_be_used_is_one_paragraph_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv(variable, value)
    for model, key in (("claude-sonnet-4-5", "ANTHROPIC_API_KEY"), ("gpt-4", "OPENAI_API_KEY")):
        with pytest.raises(LLMConfigurationError) as caught:
            connect(model, env={key: "sk-0123456789"})
        assert all(word in str(caught.value) for word in words), str(caught.value)
        assert "\n" not in str(caught.value)
        assert "hunter2" not in str(caught.value)


def test_what_can_be_used_is_left_alone(tmp_path: Path) -> None:
    check_proxies({"http_proxy": "proxy:3128", "https_proxy": "http://me:secret@proxy:3128", "no_proxy": ".lan,::1"})
    check_proxies({"ALL_PROXY": "socks5://proxy", "NO_PROXY": "*"})
    check_proxies({"HTTP_PROXY": "gopher://x", "REQUEST_METHOD": "GET"})
    check_certificates({"SSL_CERT_FILE": "", "SSL_CERT_DIR": str(tmp_path)})
