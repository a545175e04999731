"""What the environment says about the way to a server: proxies and certificates, checked before a client is made."""

from __future__ import annotations

import importlib.util
import os
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx2

from llm_clients.errors import LLMConfigurationError
from llm_clients.redaction import redact
from llm_clients.servers import is_local

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")
BYPASS_VARIABLE = "no_proxy"
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""httpx2 reads the second only without the first."""


def network_options(endpoint: str, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Keyword arguments for an HTTP client, by where it goes.

    What goes to this machine leaves the environment alone: no proxy can reach its loopback, and a server there needs
    no certificate of an authority.

    Raises:
        LLMConfigurationError: it is elsewhere, and a proxy or certificates that variables name are unusable.
    """
    if is_local(endpoint):
        # Without a transport of ours, Anthropic's client reads the proxies even where it is told not to.
        return {"transport": httpx2.HTTPTransport(verify=_tls(trust_env=False), trust_env=False), "trust_env": False}
    check_proxies(environment)
    check_certificates(environment)
    return {"verify": _tls(trust_env=True)}


def check_proxies(environment: Mapping[str, str]) -> None:
    """Check every proxy that is named: httpx2 makes a connection pool for each, whatever the server's scheme.

    Raises:
        LLMConfigurationError: one cannot be used.
    """
    if _everything_bypassed(environment):
        return
    for variable, value in _named(environment, *PROXY_VARIABLES):
        problem = _proxy_problem(value)
        if problem is not None:
            raise LLMConfigurationError(
                f"The environment variable {variable} is {redact(value)!r}, and {problem}. Set it to "
                "http://host:port or unset it; no_proxy=* uses none."
            )


def check_certificates(environment: Mapping[str, str]) -> None:
    """Check the certificates that are named.

    Raises:
        LLMConfigurationError: they cannot be read, or hold no certificate.
    """
    for variable in CERTIFICATE_VARIABLES:
        value = environment.get(variable)
        if not value:
            continue
        file, folder = (value, None) if variable == CERTIFICATE_VARIABLES[0] else (None, value)
        try:
            ssl.create_default_context(cafile=file, capath=folder)
        except OSError as error:
            why = error.strerror or str(error)
            raise LLMConfigurationError(
                f"The environment variable {variable} is {value!r}, and no certificates can be read from there "
                f"({why}). Correct it, or unset it to use the system's own."
            ) from None
        return


def _named(environment: Mapping[str, str], *variables: str) -> list[tuple[str, str]]:
    """The variables that count, with their values: as everywhere, the lower-case spelling wins."""
    found = []
    for variable in variables:
        spelling = next((name for name in (variable, variable.upper()) if environment.get(name)), None)
        # A web server passes a client's header on as HTTP_PROXY (httpoxy): Python then reads the lower case only.
        if spelling == "HTTP_PROXY" and "REQUEST_METHOD" in environment:
            continue
        if spelling is not None:
            found.append((spelling, environment[spelling]))
    return found


def _everything_bypassed(environment: Mapping[str, str]) -> bool:
    return any("*" in map(str.strip, value.split(",")) for _, value in _named(environment, BYPASS_VARIABLE))


def _proxy_problem(value: str) -> str | None:
    """What is wrong with the address of a proxy; None if nothing is."""
    address = value if "://" in value else f"http://{value}"
    try:
        url = httpx2.URL(address)
        _ = urlsplit(address).port  # which sees brackets that are not closed, and ports that do not exist
    except (httpx2.InvalidURL, ValueError) as error:
        return f"that is no address ({redact(str(error))})"
    if url.scheme not in ("http", "https", "socks5", "socks5h"):
        return f"proxies of the kind {url.scheme}:// are not supported"
    if not url.host:
        return "it names no host"
    if url.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        return "SOCKS proxies need the package socksio, which is not installed (`pip install socksio`)"
    return None


@cache
def _tls(*, trust_env: bool) -> ssl.SSLContext:
    """One for all clients, because the certificates take 50 ms to read."""
    return httpx2.create_ssl_context(trust_env=trust_env)
