"""A canary key goes through every fault, and is found only in the request that needs it."""

from __future__ import annotations

import io
import json
import logging
import pickle
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_clients.errors import LLMConfigurationError, MissingKeyError, ScriptError
from llm_clients.options import ClientOptions
from llm_clients.redaction import REDACTED, Redactor, Secret, redact, redact_json, secrets_of
from llm_clients.registry import KEY_VARIABLES, connect
from llm_clients.remote import RemoteClient
from llm_clients.replay import ReplayMismatchError
from llm_clients.request import Request, call_record
from llm_clients.retry import RetryPolicy
from llm_clients.scripted.script import FaultName, Habit, Script, WireName
from llm_clients.scripted.server import ScriptedServer
from tests.llm_clients.support import ATTEMPT_S, REQUEST, LeapingClock, failing

# without any vendor's shape, like the key of a company's own gateway: found only because it is known
CANARY = "canary.0123456789abcdef.KEY"

NAMES = {
    WireName.ANTHROPIC: ("claude-canary", "ANTHROPIC_API_KEY", ""),
    WireName.OPENAI: ("gpt-canary", "OPENAI_API_KEY", "/v1"),
    WireName.OPENROUTER: ("openrouter:a/canary", "OPENROUTER_API_KEY", "/api/v1"),
    WireName.VLLM: ("vllm:canary", "VLLM_API_KEY", "/v1"),
}


@contextmanager
def canary_client(wire: WireName, url: str) -> Iterator[RemoteClient]:
    name, variable, suffix = NAMES[wire]
    options = ClientOptions(policy=RetryPolicy(attempt_s=ATTEMPT_S), clock=LeapingClock, sample_server=False)
    with connect(name, base_url=url + suffix, env={variable: CANARY}, options=options) as client:
        assert isinstance(client, RemoteClient)
        yield client


@contextmanager
def all_logs() -> Iterator[io.StringIO]:
    """Everything that any logger of this process says, tracebacks included."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    loggers = [logging.getLogger(name) for name in ("", "anthropic", "openai", "httpx2", "httpcore2", "llm_clients")]
    before = [logger.level for logger in loggers]
    logging.getLogger().addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        logging.getLogger().removeHandler(handler)
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@pytest.mark.parametrize("wire", NAMES)
def test_the_canary_stays_in_its_cage(wire: WireName) -> None:
    # OpenRouter's and vLLM's clients differ from OpenAI's in what they send, not in how they fail
    faults = (
        list(FaultName) if wire in (WireName.ANTHROPIC, WireName.OPENAI) else [FaultName.UNAUTHORISED, FaultName.HTML]
    )
    said = []
    with all_logs() as logs:
        for fault in faults:
            with ScriptedServer(failing(fault)) as server, canary_client(wire, server.url) as client:
                completion = client.complete(REQUEST)
                said += [json.dumps(call_record(REQUEST, completion)), repr(completion), repr(client)]
                said += [repr(vars(client)), pickle.dumps(completion).decode("latin-1")]
    assert "/v1/" in logs.getvalue()  # the loggers did speak
    assert CANARY not in logs.getvalue()
    assert not [text for text in said if CANARY in text]


@pytest.mark.parametrize("wire", NAMES)
def test_a_server_that_quotes_the_key_back_is_not_quoted(wire: WireName) -> None:
    script = Script(answers=(1,), key="another-key")
    with ScriptedServer(script) as server, canary_client(wire, server.url) as client:
        completion = client.complete(REQUEST)
    assert completion.outcome == "unauthorised"
    assert completion.detail == f"Incorrect API key provided: {REDACTED}"


def test_a_password_in_an_address_is_not_part_of_the_name() -> None:
    with connect("vllm:tiny@http://me:hunter2hunter2@127.0.0.1:1/v1", env={}) as client:
        assert "hunter2" not in client.model
        assert client.model.startswith("vllm:tiny@http://")


def test_the_key_does_reach_the_server() -> None:
    for wire in NAMES:
        with ScriptedServer(failing(key=CANARY)) as server, canary_client(wire, server.url) as client:
            assert client.complete(REQUEST).answered


def test_neither_clients_nor_secrets_travel() -> None:
    with ScriptedServer(failing()) as server, canary_client(WireName.OPENAI, server.url) as client:
        for thing in (client, client.vendor, Secret(CANARY)):
            with pytest.raises(TypeError) as caught:
                pickle.dumps(thing)
            assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_configuration_error_shows_no_key() -> None:
    with pytest.raises(LLMConfigurationError) as caught:
        connect("vllm:x", env={"VLLM_API_KEY": CANARY})
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "error",
    [
        MissingKeyError("gpt-4", "OPENAI_API_KEY"),
        LLMConfigurationError("a detail"),
        ScriptError("a detail"),
        ReplayMismatchError("replay:x", "a detail"),
    ],
)
def test_our_errors_travel(error: Exception) -> None:
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(back) is type(error)
    assert str(back) == str(error)


@pytest.mark.parametrize(
    "key",
    [
        "sk-ant-api03-AbCdEf0123456789_-xyz",
        "sk-proj-0123456789abcdefABCDEF",
        "sk-or-v1-0123456789abcdef",
        "sk-proj-********************wxyz",
        "hf_ABCDEFGHIJKLMNOPqrstuv",
        "Bearer abc.def-ghi_0123456789",
    ],
)
def test_whatever_looks_like_a_key_is_taken_out(key: str) -> None:
    text = f"failed at https://user:hunter2@host/v1 with {key} given"
    assert redact(text).count(REDACTED) == 2
    assert key not in redact(text)
    assert key not in json.dumps(redact_json({"a": [text, {key: 1}]}))
    assert key not in json.dumps(Request.ask(text).to_json())


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=40), st.text())
def test_a_known_secret_is_taken_out_of_any_text(secret: str, around: str) -> None:
    assert secret not in Redactor(Secret(secret))(f"{around}\n{secret}\n{around}").replace(REDACTED, "")


@pytest.mark.parametrize("text", ["layer1.0.conv1", "task-oriented masks", "risk-adjusted-ratio", "[0.5, 0.25]"])
def test_ordinary_words_stay(text: str) -> None:
    assert redact(text) == text


def test_a_secret_prints_as_nothing() -> None:
    assert CANARY not in f"{Secret(CANARY)!r} {Secret(CANARY)}"


@pytest.mark.parametrize("wire", NAMES)
@pytest.mark.parametrize("spelled", [CANARY, CANARY.replace(".", "\\u002e")])
@pytest.mark.parametrize("habits", [frozenset(), frozenset({Habit.THOUGHTS_APART, Habit.PARTS})])
def test_an_answer_that_says_the_key_back_does_not_hold_it(
    wire: WireName, spelled: str, habits: frozenset[Habit]
) -> None:
    text = json.dumps({"ratios": [0.5, 0.25], "importance": "KEY"}).replace("KEY", f"your key is {spelled}!")
    script = Script(model=f"scripted-{CANARY}", answers=(text,), habits=habits)
    with all_logs() as logs, ScriptedServer(script) as server, canary_client(wire, server.url) as client:
        completion = client.complete(REQUEST)
    assert completion.answered
    assert completion.value["importance"] == f"your key is {REDACTED}!"
    assert CANARY not in json.dumps(call_record(REQUEST, completion)) + repr(completion) + logs.getvalue()


def test_a_secret_of_another_service_is_taken_out_of_answers_too() -> None:
    env = {
        "AWS_SECRET_ACCESS_KEY": "aws/0123456789abcdef",
        "HF_TOKEN": "hf0123456789abcdef",
        "PGPASSWORD": "",
        "MLFLOW_TRACKING_PASSWORD": "mlflow0123456789",
        "https_proxy": "http://me:hunter2hunter2@proxy:3128",
        "DATABASE_URL": "postgresql://me:database-password@db/x",
        "VLLM_API_KEY": "local",
        "LANG": "en_US.UTF-8",
        "MONKEY": "not-a-secret-at-all",
    }
    redactor = Redactor(*secrets_of(env, KEY_VARIABLES))
    said = "; ".join([*env.values(), "the ranking is local"])
    clean = redactor.of_answer(said)
    assert clean.count(REDACTED) == 5
    assert not [word for word in ("aws/", "hf012", "mlflow0", "hunter2", "database-") if word in clean]
    assert "local" in clean, "an ordinary word of answers"
    assert "en_US.UTF-8; not-a-secret-at-all" in clean


@pytest.mark.parametrize("name", ["api_key", "api-key", "key", "token", "access_token", "sig", "X-Api-Key", "password"])
def test_a_key_in_a_urls_query_is_taken_out(name: str) -> None:
    url = f"https://host/v1?version=2&{name}={CANARY}#x"
    assert redact(url) == f"https://host/v1?version=2&{name}={REDACTED}#x"
    assert redact("https://host/v1?monkey=1&page=2") == "https://host/v1?monkey=1&page=2"


def test_a_redirect_to_another_origin_is_not_followed() -> None:
    with ScriptedServer(failing()) as target, _Redirecting(target.url) as place, all_logs() as logs:
        for wire in NAMES:
            with canary_client(wire, place.url) as client:
                completion = client.complete(REQUEST)
            assert completion.outcome == "wrong_address"
            assert f"redirects to {target.url}" in completion.detail
            assert completion.attempts == 1
        assert target.totals()["requests"] == 0
    assert CANARY not in logs.getvalue()


class _Redirecting:
    """A server that sends every call elsewhere, in the way that keeps method and body."""

    def __init__(self, target: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(307)
                self.send_header("location", target + self.path)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._http.shutdown()
        self._http.server_close()


def test_an_organisation_and_a_project_are_named_to_their_vendor_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", CANARY)
    monkeypatch.setenv("OPENAI_PROJECT_ID", CANARY)
    env = dict.fromkeys(KEY_VARIABLES, "a-key-of-tests")
    for model in ("vllm:x@http://127.0.0.1:1/v1", "openrouter:a/b", "ollama:x"):
        with connect(model, env=env) as client:
            assert CANARY not in str(client.vendor._sdk.default_headers), model  # type: ignore[attr-defined]
    with connect("gpt-4", env=env, base_url="https://gateway.example/v1") as client:
        assert CANARY not in str(client.vendor._sdk.default_headers)  # type: ignore[attr-defined]
    with connect("gpt-4", env=env) as client:
        assert str(client.vendor._sdk.default_headers).count(CANARY) == 2  # type: ignore[attr-defined]


def test_headers_of_one_s_own_go_to_the_server_that_they_are_for(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = "https://gateway.example/v1"
    for name in ("OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.setenv(name, f"x-gateway-key: {CANARY}")
    env = dict.fromkeys(KEY_VARIABLES, "a-key-of-tests")

    def sent(model: str, base_url: str | None = None) -> bool:
        with connect(model, env=env, base_url=base_url) as client:
            return CANARY in str(client.vendor._sdk.default_headers)  # type: ignore[attr-defined]

    elsewhere = [("vllm:x@http://127.0.0.1:1/v1", None), ("openrouter:a/b", None), ("ollama:x", None)]
    assert not any(sent(*where) for where in [*elsewhere, ("gpt-4", gateway), ("claude-x", gateway)])
    assert sent("gpt-4")
    assert sent("claude-x")
    monkeypatch.setenv("OPENAI_BASE_URL", gateway)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", gateway + "/")
    assert sent("gpt-4", gateway)
    assert sent("claude-x", gateway)
    assert not sent("gpt-4", "https://another.example/v1")


def test_the_values_of_headers_are_secrets() -> None:
    env = {"OPENAI_CUSTOM_HEADERS": f"x-team: ab\nauthorization: Bearer {CANARY}"}
    said = Redactor(*secrets_of(env, KEY_VARIABLES)).of_answer(f"you are {CANARY} of team ab")
    assert said == f"you are {REDACTED} of team ab"
