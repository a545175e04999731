"""Headers that an SDK reads from the environment by itself: they go to the server that they are for, and no other."""

import os
from typing import Any

import httpx2


def drop_foreign_headers(
    sdk: Any, base_url: str, *, domain: str | None = None, url_variable: str | None = None
) -> None:
    """Take from a client what its SDK read from the environment for another server.

    Organisation and project go to the vendor only; headers of one's own (`ANTHROPIC_CUSTOM_HEADERS`,
    `OPENAI_CUSTOM_HEADERS`), which gateways ask for, also to the server that the SDK's own variable names.

    Args:
        sdk: The client of an SDK.
        base_url: Where it sends.
        domain: The vendor's; None for a server of another vendor.
        url_variable: The variable from which the SDK takes its base URL.
    """
    if domain is not None and _is_of(base_url, domain):
        return
    for name in ("organization", "project"):
        if hasattr(sdk, name):
            setattr(sdk, name, None)
    named = os.environ.get(url_variable or "", "").rstrip("/")
    if named != base_url.rstrip("/"):
        sdk._custom_headers = {}  # there is no option for it


def _is_of(base_url: str, domain: str) -> bool:
    """Whether a URL leads to a host of this domain."""
    host = httpx2.URL(base_url).host
    return host == domain or host.endswith(f".{domain}")
