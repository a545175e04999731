"""Which process of this machine serves an endpoint."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

import psutil


class UnseenServerError(Exception):
    """There is no process that could be looked at; the message is the reason."""


def is_local(endpoint: str) -> bool:
    """Whether an endpoint has a loopback address, and so is on this machine."""
    return local_port(endpoint) is not None


def local_port(endpoint: str) -> int | None:
    """The port of an endpoint on this machine; None if it is elsewhere."""
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return None  # a name that needs a lookup is not taken for this machine
    local = (
        address.is_loopback or address.is_unspecified
    )  # OLLAMA_HOST is often the address that the server binds: 0.0.0.0
    return (parts.port or (443 if parts.scheme == "https" else 80)) if local else None


def server_process(endpoint: str | None) -> int:
    """The process that listens on an endpoint's port.

    Raises:
        UnseenServerError: it is on another machine, is this process, only passes connections on, or cannot be seen.
    """
    port = None if endpoint is None else local_port(endpoint)
    if port is None:
        raise UnseenServerError("the server is not on this machine" if endpoint else "no server is asked")
    try:
        pid = _listener(port)
        name = psutil.Process(pid).name()
    except psutil.AccessDenied:
        raise UnseenServerError("this system does not let this user see which process listens on a port") from None
    except psutil.NoSuchProcess as error:
        raise UnseenServerError(f"process {error.pid}, which listened on port {port}, has ended") from None
    if pid == os.getpid():
        raise UnseenServerError("the server runs in this process")
    if name in _FORWARDERS:
        raise UnseenServerError(
            f"port {port} is held by {name} (process {pid}), which only passes connections on to the server"
        )
    return pid


_FORWARDERS = frozenset({"docker-proxy", "rootlessport", "slirp4netns", "pasta", "ssh", "sshd", "socat", "kubectl"})
"""What listens in place of a server that is in a container or on another machine."""


def _listener(port: int) -> int:
    connections = psutil.net_connections(kind="tcp")
    pids = {c.pid for c in connections if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port}
    if not pids:
        raise UnseenServerError(f"nothing listens on port {port} of this machine")
    seen = {pid for pid in pids if pid is not None}
    if not seen:
        raise UnseenServerError(f"the process that listens on port {port} belongs to another user: name its number")
    # workers listen on the socket of the process that started them
    return min(seen, key=lambda pid: (psutil.Process(pid).ppid() in seen, pid))
