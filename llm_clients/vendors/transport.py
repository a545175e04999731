"""HTTP features that the SDKs lack: a deadline for the whole answer, and a close that ends hanging reads."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from weakref import WeakSet

import httpx2

from llm_clients.vendors.network import network_options


class Transport:
    """Options for an SDK's HTTP client, and the sockets that it opens.

    httpx2 limits each read separately, so a server that sends one byte per second never times out. Event hooks make
    the read timeout a deadline for the whole body, which is checked at each chunk. A server that sends slowly and then
    hangs is given up after at most one more read timeout.

    Closing a client does not wake a thread that reads from it: the descriptor is closed, and the thread still waits.
    Shutting the socket down wakes it.

    A redirect is followed to the same origin only: key and prompt would go with it.

    Attributes:
        closed: whether `shut_down` was called.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._origin = _origin(httpx2.URL(base_url))
        self._lock = threading.Lock()
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self.closed = False

    def options(self) -> dict[str, Any]:
        """Keyword arguments for `DefaultHttpxClient`.

        Raises:
            LLMConfigurationError: the environment names a proxy or certificates that cannot be used.
        """
        return {
            **network_options(self._base_url),
            "event_hooks": {"request": [self._before], "response": [_watch_body]},
        }

    def shut_down(self) -> None:
        """End every exchange in flight."""
        with self._lock:
            self.closed = True
            sockets = list(self._sockets)
        for each in sockets:
            with suppress(OSError):  # already closed
                each.shutdown(socket.SHUT_RDWR)

    def _before(self, request: httpx2.Request) -> None:
        if _origin(request.url) != self._origin:
            raise RedirectRefusedError(_place(self._origin), _place(_origin(request.url)))
        timeout_s = request.extensions.get("timeout", {}).get("read")
        if timeout_s is not None:
            request.extensions[_DEADLINE] = time.monotonic() + timeout_s
        request.extensions["trace"] = self._trace

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            opened = info["return_value"].get_extra_info("socket")
            with self._lock:
                self._sockets.add(opened)


class RedirectRefusedError(httpx2.HTTPError):
    """A server sends the client to another origin."""

    def __init__(self, asked: str, target: str) -> None:
        super().__init__(
            f"{asked} redirects to {target}, which was not followed: key and prompt would go to another server. Give "
            "that address as the base URL if it is the right one."
        )


_DEADLINE = "espalier_deadline"


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def _place(origin: tuple[str, str, int]) -> str:
    return "{}://{}:{}".format(*origin)


def _watch_body(response: httpx2.Response) -> None:
    deadline = response.request.extensions.get(_DEADLINE)
    if deadline is not None and isinstance(response.stream, httpx2.SyncByteStream):
        response.stream = _DeadlineStream(response.stream, deadline)


class _DeadlineStream(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            if time.monotonic() > self._deadline:
                raise httpx2.ReadTimeout("the answer trickled past the deadline")
            yield chunk

    def close(self) -> None:
        self._stream.close()
