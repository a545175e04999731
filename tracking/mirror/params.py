"""Converts a configuration to MLflow parameters with flat names and short texts."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

LONGEST = 500
"""Characters of a parameter in MLflow, whose own limit is 6,000; the artifact config.json has the complete text."""


def flatten(config: Mapping[str, Any]) -> dict[str, str]:
    """Return one parameter with a dotted name for each leaf of a JSON object that is not null; a list is one leaf."""
    return {_name(key): shortened(text) for key, text in _leaves(config, "")}


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return `text`, or its first `longest` characters with a note of its full length."""
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text):,} characters in all)"


def _leaves(config: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)


def _name(key: str) -> str:
    """Replace what MLflow does not allow in a name: it takes 250 letters, digits, spaces and `_ - . /`."""
    return re.sub(r"[^\w\-. /]", "_", key)[:250]
