"""Commands that the program shows to be pasted, and whether they could be."""

import re
import shlex
from typing import Any

from cli.lazy import load_command
from cli.verbs import VERBS

_BY_NAME = {verb.name: verb for verb in VERBS if verb.name != "ablate"}
_SHOWN = re.compile(rf"(?:python \S*launch\.py|espalier) ({'|'.join(_BY_NAME)})\b([^`\n]*)")


def check_hints(text: str) -> int:
    """Parse each command in a text as its verb would, without running it, and return how many there are.

    Raises:
        AssertionError: an option is unknown, or misses its value, or a path is not quoted.
    """
    # A verb alone, or with --help, is spoken of.
    found = [(name, rest) for name, rest in _SHOWN.findall(text) if rest.strip() and "--help" not in rest]
    for name, rest in found:
        command: Any = load_command(_BY_NAME[name])
        try:
            command.make_context(name, shlex.split(rest))
        except Exception as error:
            raise AssertionError(f"{name}{rest} cannot be pasted: {error}") from error
    return len(found)
