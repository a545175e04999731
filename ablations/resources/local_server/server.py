"""Ollama's API over HTTP, on loopback: `/api/chat`, `/api/generate`, `/api/tags` and `/api/ps`."""

import json
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import ValidationError

from ablations.heads.errors import HeadsError
from ablations.resources.local_server.protocol import Asked, ChatAsked, GenerateAsked, listed, part, whole
from ablations.resources.local_server.shelf import Shelf
from ablations.resources.local_server.writing import write
from ground.problems import describe_problems

_LARGEST_BODY = 2**24


class LocalServer(ThreadingHTTPServer):
    """A server whose answers a real model writes."""

    daemon_threads = True

    def __init__(self, shelf: Shelf, host: str, port: int, parallel: int) -> None:
        """Listen.

        Args:
            shelf: the models.
            host: the address to listen on.
            port: 0 takes a free one.
            parallel: how many answers are written at once; others wait, as with Ollama's OLLAMA_NUM_PARALLEL.
        """
        super().__init__((host, port), _Handler)
        self.shelf = shelf
        self.places = threading.BoundedSemaphore(parallel)

    @property
    def url(self) -> str:
        """Its address."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"


class _Handler(BaseHTTPRequestHandler):
    server: LocalServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """List models."""
        shelf = self.server.shelf
        names = {"/api/tags": shelf.names, "/api/ps": shelf.loaded}.get(self.path)
        if self.path == "/":
            self._send(200, {"status": "a rehearsal server that speaks Ollama's API is running"})
        elif names is None:
            self._send(404, {"error": f"{self.path} is not here"})
        else:
            self._send(200, {"models": [listed(name, shelf.parameters(name), shelf.weights) for name in names]})

    def do_POST(self) -> None:
        """Answer."""
        came = time.perf_counter_ns()
        size = int(self.headers.get("Content-Length") or 0)
        if size > _LARGEST_BODY:
            self.close_connection = True
            self._send(413, {"error": f"a request of {size} bytes is too large"})
            return
        body = self.rfile.read(size)
        kind = _KINDS.get(self.path)
        if kind is None:
            self._send(404, {"error": f"{self.path} is not here"})
            return
        try:
            asked = kind.model_validate_json(body)
        except ValidationError as error:
            self._send(400, {"error": describe_problems(error, "the request", most=2)})
            return
        if asked.format is not None:
            self._send(400, {"error": "this server writes free text only, and takes no format"})
        elif asked.model not in self.server.shelf.names:
            self._send(404, {"error": f"model {asked.model!r} not found"})
        else:
            self._answer(asked, came)

    def _answer(self, asked: Asked, came: int) -> None:
        with self.server.places:
            try:
                model = self.server.shelf.load(asked.model)
            except HeadsError as error:  # nothing to train on
                self._send(500, {"error": str(error)})
                return
            load_ns = time.perf_counter_ns() - came
            written = write(model, asked.prompt(), asked.options.wish())
        end = whole(asked, written, load_ns, time.perf_counter_ns() - came)
        with suppress(BrokenPipeError, ConnectionResetError):  # who asked has left
            if asked.stream:
                # in one piece: nobody waits for a model as small as this
                self._send(200, part(asked, written.text), {**end, **asked.piece("")})
            else:
                self._send(200, end)

    def _send(self, status: int, *lines: Mapping[str, Any]) -> None:
        body = "\n".join(map(json.dumps, lines)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if len(lines) == 1 else "application/x-ndjson")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""


_KINDS: Mapping[str, type[Asked]] = {"/api/chat": ChatAsked, "/api/generate": GenerateAsked}
