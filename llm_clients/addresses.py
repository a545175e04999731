"""Addresses of servers and the keys for them, as users write them: completed, or refused before anything is sent."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from llm_clients.errors import LLMConfigurationError
from llm_clients.redaction import redact
from llm_clients.servers import is_local

_OLLAMAS_PORT = 11434


def full_url(text: str, source: str) -> str:
    """A base URL with its scheme.

    Args:
        text: as given.
        source: the option or variable that it was given in, for the message.

    Raises:
        LLMConfigurationError: it is no HTTP URL, or has a query.
    """
    url = text.strip()
    url = url if "://" in url else f"http://{url}"
    _check_url(url, source)
    return url


def ollama_url(text: str, source: str) -> str:
    """The URL that `OLLAMA_HOST` means to Ollama's own client: port 11434 unless a scheme is given, and this machine.

    https://github.com/ollama/ollama/blob/main/envconfig/config.go

    Raises:
        LLMConfigurationError: it is no HTTP URL, or has a query.
    """
    given = text.strip().strip("\"'").strip()
    scheme, mark, rest = given.partition("://")
    if not mark:
        scheme, rest = ("https", given) if given == "ollama.com" else ("http", given)
    port = {"https": 443, "http": 80 if mark else _OLLAMAS_PORT}.get(scheme, _OLLAMAS_PORT)
    place, slash, path = rest.partition("/")
    login, at, place = place.rpartition("@")
    host, own_port = _split(place)
    url = f"{scheme}://{login}{at}{_reachable(host)}:{own_port or port}{slash}{path}".rstrip("/")
    _check_url(url, source)
    return url


def check_key(key: str, variable: str) -> None:
    """Check that a key can be one.

    Raises:
        LLMConfigurationError: it holds what no key holds; the message names the variable and not the key.
    """
    wrong = next((words for pattern, words in _NO_KEYS if re.search(pattern, key)), None)
    if wrong is not None:
        raise LLMConfigurationError(
            f"The key in {variable} cannot be one: it holds {wrong}. Set the variable again to the key alone, without "
            "quotes, spaces or line breaks."
        )


def check_transport(url: str, variable: str, *, plain_http: bool) -> None:
    """Check that a key stays unread on its way.

    Raises:
        LLMConfigurationError: it would go to another machine over plain HTTP, and the user has not allowed that.
    """
    if not plain_http and urlsplit(url).scheme == "http" and not is_local(url):
        raise LLMConfigurationError(
            f"The key in {variable} would go to {redact(url)} over plain HTTP, where anyone on the way can read it. "
            f"Use https://, unset {variable} if that server needs no key, or allow it with --llm-plain-http."
        )


_NO_KEYS = (
    (r"[\r\n]", "a line break"),
    (r"\s", "a space"),
    ("[\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a]", "a typographic quote"),
    (r"[\"']", "a quote"),
    (r"[^\x21-\x7e]", "a character that is not ASCII"),
)


def _check_url(url: str, source: str) -> None:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound:
        raise LLMConfigurationError(
            f"{source} {redact(url)!r} is no address of a server: it would look like https://host:port/v1"
        )
    if parts.query or parts.fragment:
        bare = redact(url.partition("?")[0].partition("#")[0])
        raise LLMConfigurationError(
            f"{source} {bare!r} is followed by a query or a fragment, which the paths of calls cannot be added to and "
            "which often holds a key. Leave it out, and put a key into the service's variable, as VLLM_API_KEY."
        )


def _split(place: str) -> tuple[str, int | None]:
    """Host and port; a port that is none is ignored, as Ollama does."""
    if place.startswith("["):
        host, _, port = place[1:].partition("]")
        port = port.removeprefix(":")
    elif place.count(":") > 1:
        host, port = place, ""
    else:
        host, _, port = place.partition(":")
    number = int(port) if port.isascii() and port.isdigit() else 0
    return host, number if 0 < number < 65536 else None


def _reachable(host: str) -> str:
    """The host to connect to: a server that binds every address is asked at the loopback one."""
    if not host:
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"[{address}]" if address.version == 6 else str(address)
