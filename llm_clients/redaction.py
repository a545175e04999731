"""Redaction of secrets: nothing that looks like a key gets into a ledger, a log, an error or a pickle."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
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


_QUERY_KEYS = re.compile(
    r"""
    (?P<name>[?&;]
      (?:[\w.-]*[-_.])? (?:key|apikey|token|secret|password|passwd|pwd|sig|signature|auth|credentials?|code) =
    )
    [^\s&\#"'<>]+
    """,
    re.VERBOSE | re.IGNORECASE,
)

_SECRET_NAMES = re.compile(r"(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASS|CREDENTIALS?)(?:_|$)")
_SHORTEST_OF_ANSWERS = 8
"""A key of a local server may be an ordinary word, which must not be taken out of every answer."""
_SHORTEST_OF_OTHERS = 12
"""Of a variable that is not known to hold a key."""


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

    def of_answer(self, text: str) -> str:
        """An answer without the secrets that it repeats; the shortest ones are words, and words of answers stay."""
        for secret in self._secrets:
            if len(secret.reveal()) >= _SHORTEST_OF_ANSWERS:
                text = text.replace(secret.reveal(), REDACTED)
        return redact(text)

    def of_answer_json(self, value: Any) -> Any:
        """A parsed answer without the secrets that it repeats."""
        return _map_strings(value, self.of_answer)


def secrets_of(env: Mapping[str, str], known: Collection[str]) -> tuple[Secret, ...]:
    """The secrets of an environment: those of the known variables, and of all whose names say so.

    A password inside an address, as of a proxy or a database, is one too, and so are the values in a variable of
    headers, as `OPENAI_CUSTOM_HEADERS`.
    """
    found = [env[name] for name in known if env.get(name)]
    for name, value in env.items():
        if name not in known and len(value) >= _SHORTEST_OF_OTHERS and _SECRET_NAMES.search(name.upper()):
            found.append(value)
        if name.upper().endswith("_HEADERS"):
            found += [each for each in _HEADER_VALUE.findall(value) if len(each) >= _SHORTEST_OF_OTHERS]
        found += [password for password in _URL_PASSWORD.findall(value) if len(password) >= _SHORTEST_OF_ANSWERS]
    return tuple(Secret(value) for value in found)


_HEADER_VALUE = re.compile(r"^[^:\n]+:[ \t]*(?:(?:Bearer|Basic)[ \t]+)?(\S+)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(?<=://)[^\s/@:]*:([^\s/@]+)(?=@)")


def redact(text: str) -> str:
    """The text without anything shaped like an API key, a bearer token, or the password or key of a URL."""
    return _QUERY_KEYS.sub(rf"\g<name>{REDACTED}", _KEY_SHAPES.sub(REDACTED, text))


def redact_json(value: Any) -> Any:
    """The JSON value with every string in it redacted, keys of objects included."""
    return _map_strings(value, redact)


def _map_strings(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(str(key)): _map_strings(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_map_strings(item, change) for item in value]
    return value
