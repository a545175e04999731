"""What the calls of an arm have in common: their prompt without the data in it."""

import re
from collections.abc import Mapping
from typing import Any

from tracking.mirror.operations import Prompt

_BLOCK = re.compile(r"^(?P<title>[\w ]+):\n<data>\n.*?\n</data>$", re.DOTALL | re.MULTILINE)
"""A titled block of data in a request, as `search.proposers.asking.prompt` writes it; no data can contain its end."""
_COMPLAINT = re.compile(r"^(Your last answer could not be used: ).*$", re.MULTILINE)


def prompt_of(arm: str, request: Mapping[str, Any]) -> Prompt | None:
    """Return the prompt that a recorded request fills in; None for a request without messages.

    Args:
        arm: Who asked.
        request: As the ledger holds it.
    """
    messages = request.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, Mapping) for message in messages):
        return None
    system = request.get("system")
    asked = [{"role": "system", "content": str(system)}] if system else []
    asked += [{"role": str(m.get("role", "user")), "content": _emptied(str(m.get("content", "")))} for m in messages]
    return Prompt(f"espalier-{re.sub(r'[^A-Za-z0-9_.-]', '-', arm)}", tuple(asked))


def _emptied(text: str) -> str:
    """The text with a name in double braces in place of the data of each block."""
    named = _BLOCK.sub(lambda block: f"{block['title']}:\n<data>\n{{{{ {_name(block['title'])} }}}}\n</data>", text)
    return _COMPLAINT.sub(r"\1{{ complaint }}", named)


def _name(title: str) -> str:
    return title.strip().replace(" ", "_")
