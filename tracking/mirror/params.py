"""Configuration as MLflow parameters: flat names, short texts."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

LONGEST = 500
"""Characters of a parameter shown in MLflow (which itself cuts at 6,000); the whole is in the artifact config.json."""


def flatten(config: Mapping[str, Any]) -> dict[str, str]:
    """One dotted parameter for each leaf of a JSON object; a list is one leaf."""
    return {_name(key): shortened(text) for key, text in _leaves(config, "")}


def shortened(text: str, longest: int = LONGEST) -> str:
    """``text``, or its beginning with a mark that says how much is missing."""
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text):,} characters in all)"


def _leaves(config: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)


def _name(key: str) -> str:
    """MLflow takes letters, digits, ``_ - . /`` and spaces in a name, and 250 characters."""
    return re.sub(r"[^\w\-. /]", "_", key)[:250]
