"""The scripted server itself: one thread per connection, on loopback by default."""

from __future__ import annotations

import json
import logging
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from llm_clients.errors import ScriptError
from llm_clients.kinds import AnswerMode
from llm_clients.request import Json, Usage
from llm_clients.scripted.director import Author, Director, Scene
from llm_clients.scripted.habits import draft_of, dress, only_thoughts, speak
from llm_clients.scripted.script import FaultName, Script
from llm_clients.scripted.spoil import spoil
from llm_clients.scripted.wires import AnthropicWire, Asked, OllamaWire, OpenAIWire, Wire, tokens_of, wire_of

_log = logging.getLogger(__name__)


class ScriptedServer:
    """Serves a script until closed; a context manager. Port 0 takes a free one."""

    def __init__(self, script: Script, *, host: str = "127.0.0.1", port: int = 0, author: Author | None = None) -> None:
        self.script = script
        self.director = Director(script, author)
        self.closing = threading.Event()
        self._http = _Http((host, port), _Handler)
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The base of every path; OpenAI-compatible clients add `/v1` to it."""
        host, port = self._http.server_address[:2]
        return f"http://{host!s}:{port}"

    def totals(self) -> dict[str, Json]:
        """Requests, answers, tokens, cost and faults so far."""
        return self.director.snapshot()

    def close(self) -> None:
        """Stop accepting requests, end hanging answers and free the port."""
        if not self.closing.is_set():
            self.closing.set()
            self._http.shutdown()
            self._http.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    owner: ScriptedServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def do_GET(self) -> None:
        """List the models, or the server's own totals at `/scripted/totals`."""
        script = self.server.owner.script
        path = self.path.partition("?")[0]
        if path == "/scripted/totals":
            self._send(200, self.server.owner.totals())
        elif path.endswith("/models"):
            wire: Wire = AnthropicWire() if "anthropic-version" in self.headers else OpenAIWire()
            self._send(200, wire.listing(script.models or [script.model]))
        elif (found := wire_of(path)) is not None:
            self._send(200, found.listing(script.models or [script.model]))
        else:
            self._send(404, {"error": {"message": f"nothing at {self.path}", "code": 404}})

    def do_POST(self) -> None:
        """Answer one call of a client."""
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        wire = wire_of(self.path.partition("?")[0])
        if wire is None:
            self._send(404, {"error": {"message": f"nothing at {self.path}", "code": 404}})
            return
        asked = wire.read(body)
        objection = self._objection(asked)
        if objection is not None:
            status, code, message = objection
            self.server.owner.director.count(code)
            self._send(status, wire.error(status, code, message))
            return
        try:
            scene = self.server.owner.director.next_scene(asked.prompt, asked.schema)
        except ScriptError as error:
            self._send(400, wire.error(400, "script_over", str(error)))
            return
        self._play(wire, asked, scene)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        _log.debug(format, *args)

    def _objection(self, asked: Asked) -> tuple[int, str, str] | None:
        """Why the request is refused before the script is used: status, code, message."""
        script = self.server.owner.script
        if script.key is not None and self._key() != script.key:
            # real servers quote part of the key; this one does too, so that tests can check that it is redacted
            return 401, "invalid_api_key", f"Incorrect API key provided: {self._key()}"
        if script.models and asked.model not in script.models:
            return 404, "model_not_found", f"model: {asked.model} has been retired"
        if asked.temperature and not script.takes_temperature:
            return 400, "unsupported_parameter", "temperature is not supported with this model"
        if asked.mode is not AnswerMode.PROMPT and asked.mode not in script.structured:
            return _refusal_of_structure(script.refuses_structure_with, asked.mode)
        if script.tokens_field is not None and asked.tokens_field == _OTHER_FIELD[script.tokens_field]:
            hint = f"Use '{script.tokens_field}' instead."
            return 400, "unsupported_parameter", f"Unsupported parameter: '{asked.tokens_field}'. {hint}"
        prompt = tokens_of(asked.characters)
        if script.context is not None and prompt + asked.max_tokens > script.context:
            limit = f"This model's maximum context length is {script.context} tokens."
            return (
                400,
                "context_length_exceeded",
                f"{limit} You requested {asked.max_tokens} and {prompt} input tokens.",
            )
        return None

    def _key(self) -> str:
        bearer: str = self.headers.get("authorization", "").removeprefix("Bearer ")
        return bearer or str(self.headers.get("x-api-key", ""))

    def _play(self, wire: Wire, asked: Asked, scene: Scene) -> None:
        owner = self.server.owner
        owner.closing.wait(owner.script.latency_s)
        if scene.fault in _ERRORS:
            self._error(wire, scene)
        elif scene.fault in _WITHOUT_ANSWER:
            self._misbehave(wire, scene)
        else:
            self._answer(wire, asked, scene)

    def _answer(self, wire: Wire, asked: Asked, scene: Scene) -> None:
        owner = self.server.owner
        habits = owner.script.habits
        draft = draft_of(asked, scene.text) if habits else ""
        text = speak(scene.text, draft, habits) if scene.fault is None else spoil(scene.text, scene.fault)
        usage = Usage(self._read(wire, asked), tokens_of(len(text)))
        stop = _STOPS.get(scene.fault, "stop") if scene.fault is not None else "stop"
        # counted before it is sent, so that a client that has its answer finds it in the totals
        owner.director.charge(usage)
        payload = dress(wire.answer(asked, text, owner.script.model, usage, stop), draft, habits)
        self._send(200, only_thoughts(payload) if scene.fault is FaultName.ONLY_THOUGHTS else payload)

    def _read(self, wire: Wire, asked: Asked) -> int:
        """How many tokens of the prompt are read: Ollama reads what fits its window."""
        tokens = tokens_of(asked.characters)
        if not isinstance(wire, OllamaWire):
            return tokens
        window = min(asked.window or _OLLAMAS_WINDOW, self.server.owner.script.window or tokens)
        return min(tokens, window)

    def _error(self, wire: Wire, scene: Scene) -> None:
        assert scene.fault is not None
        status, code, message = _ERRORS[scene.fault]
        if scene.fault is FaultName.INSUFFICIENT_QUOTA and isinstance(wire, AnthropicWire):
            status, message = 400, "Your credit balance is too low to access the Anthropic API."
        headers = {} if scene.retry_after_s is None else {"retry-after": f"{scene.retry_after_s:.3f}"}
        self._send(status, wire.error(status, code, message), headers)

    def _misbehave(self, wire: Wire, scene: Scene) -> None:
        model = self.server.owner.script.model
        if scene.fault in _PAGES:
            status, page = _PAGES[scene.fault]
            self._send_bytes(status, page.encode(), "text/html", {})
            return
        if scene.fault in _BODIES:
            self._send(*_BODIES[scene.fault])
            return
        match scene.fault:
            case FaultName.EMPTY_CHOICES:
                self._send(200, wire.empty(model, []))
            case FaultName.NULL_CHOICES:
                self._send(200, wire.empty(model, None))
            case FaultName.TRICKLE:
                self._trickle()
            case FaultName.HANG:
                self.server.owner.closing.wait(self.server.owner.script.hang_s)
                self.close_connection = True
            case _:
                self._reset()
                if scene.fault is FaultName.DIE:
                    threading.Thread(target=self.server.owner.close, daemon=True).start()

    def _trickle(self) -> None:
        """Send blanks, which JSON allows before a value, so that an HTTP client's read timeout never sees a pause."""
        owner = self.server.owner
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "1000000")
        self.end_headers()
        self.close_connection = True
        for _ in range(int(owner.script.hang_s / _TRICKLE_S)):
            if owner.closing.wait(_TRICKLE_S):
                return
            try:
                self.wfile.write(b" ")
            except OSError:
                return  # the client has given up, as intended

    def _reset(self) -> None:
        # with a linger of zero seconds, closing sends RST instead of FIN
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RD)

    def _send(self, status: int, payload: Json, headers: dict[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(payload).encode(), "application/json", headers or {})

    def _send_bytes(self, status: int, body: bytes, kind: str, headers: dict[str, str]) -> None:
        try:
            self.send_response(status)
            for name, value in {"content-type": kind, "content-length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            _log.debug("the client went away before its answer")


_TRICKLE_S = 0.02
_OLLAMAS_WINDOW = 4096
_OTHER_FIELD = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}


def _refusal_of_structure(status: int, mode: AnswerMode) -> tuple[int, str, str]:
    messages = {
        400: f"structured output by {mode} is not supported with this model",
        404: "No endpoints found that can handle the requested parameters.",
        500: "Failed to compile the grammar of the JSON schema",
    }
    return status, "unsupported_parameter", messages[status]


_ERRORS: dict[FaultName | None, tuple[int, str, str]] = {
    FaultName.RATE_LIMIT: (429, "rate_limit_exceeded", "Rate limit reached, slow down."),
    FaultName.SERVER_ERROR: (500, "server_error", "Internal server error"),
    FaultName.OVERLOADED: (529, "overloaded", "Overloaded"),
    FaultName.UNAUTHORISED: (401, "invalid_api_key", "Incorrect API key provided."),
    FaultName.NO_CREDIT: (402, "payment_required", "Insufficient credits."),
    FaultName.INSUFFICIENT_QUOTA: (429, "insufficient_quota", "You exceeded your current quota, check your plan."),
    FaultName.UNKNOWN_MODEL: (404, "model_not_found", "The model does not exist or has been retired."),
    FaultName.BAD_REQUEST: (400, "invalid_request_error", "The request cannot be read."),
    FaultName.DAILY_QUOTA: (429, "rate_limit", "Rate limit exceeded: free-models-per-day. Come back tomorrow."),
    FaultName.REGION: (403, "unsupported_country_region_territory", "Country, region, or territory not supported"),
}

_PAGES: dict[FaultName | None, tuple[int, str]] = {
    FaultName.HTML: (200, "<html><body>Sign in to the network</body></html>"),
    FaultName.GATEWAY: (
        502,
        "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
    ),
}

_BODIES: dict[FaultName | None, tuple[int, Json]] = {
    FaultName.NOT_FOUND: (404, {"detail": "Not Found"}),
    FaultName.ERROR_200: (200, {"error": {"code": 502, "message": "Provider returned error"}}),
    FaultName.UPSTREAM: (
        502,
        {
            "error": {
                "code": 502,
                "message": "Provider returned error",
                "metadata": {"raw": "the upstream's own words", "provider_name": "Upstream"},
            }
        },
    ),
}

_WITHOUT_ANSWER = frozenset(
    {
        FaultName.RESET,
        FaultName.HANG,
        FaultName.TRICKLE,
        FaultName.HTML,
        FaultName.GATEWAY,
        FaultName.NOT_FOUND,
        FaultName.UPSTREAM,
        FaultName.ERROR_200,
        FaultName.EMPTY_CHOICES,
        FaultName.NULL_CHOICES,
        FaultName.DIE,
    }
)

_STOPS = {
    FaultName.TRUNCATED: "length",
    FaultName.THOUGHT_CUT: "length",
    FaultName.REFUSAL: "refusal",
    FaultName.CONTENT_FILTER: "content_filter",
}
