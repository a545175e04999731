"""Redaction of secrets: nothing that looks like a key gets into a ledger, a log, an error or a pickle."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

REDACTED = "[redacted]"

_KEY_SHAPES = re.compile(
    r"""
    \b(?:sk|rk|pk|or)-[A-Za-z0-9_\-*.]{8,}      # OpenAI, Anthropic (sk-ant-…), OpenRouter (sk-or-…), masked ones too
    | \b(?:hf|gsk|xai|nvapi)[_-][A-Za-z0-9_\-]{16,}
    | \bAIza[A-Za-z0-9_\-]{30,}
    | (?i:\bbearer\s+)[A-Za-z0-9._~+/\-]{8,}=*
    | (?<=://)[^\s/@:]+:[^\s/@]+(?=@)           # user:password of a URL
    """,
    re.VERBOSE,
)


class Secret:
    """A key that prints as `[redacted]` and refuses to be pickled or copied to another process."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself, for the vendor's SDK only."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({REDACTED})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled: connect to the model in the process that calls it")


class Redactor:
    """Removes the given secrets, and anything else shaped like a key, from text."""

    __slots__ = ("_secrets",)

    def __init__(self, *secrets: Secret) -> None:
        # the longest first, so that a secret which contains another one goes as a whole
        values = {secret.reveal() for secret in secrets if secret.reveal()}
        self._secrets = tuple(Secret(value) for value in sorted(values, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """The text with every secret replaced by `[redacted]`."""
        for secret in self._secrets:
            text = text.replace(secret.reveal(), REDACTED)
        return redact(text)


def redact(text: str) -> str:
    """The text without anything shaped like an API key, a bearer token or a URL's password."""
    return _KEY_SHAPES.sub(REDACTED, text)


def redact_json(value: Any) -> Any:
    """The JSON value with every string in it redacted, keys of objects included."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {redact(str(key)): redact_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_json(item) for item in value]
    return value
