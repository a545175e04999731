"""Keys of LLMs and servers from a file, for drivers whose environment others could read or inherit."""

import os
import re
from collections.abc import MutableMapping
from pathlib import Path

from search.errors import ConfigError

VARIABLE = "ESPALIER_KEYS_FILE"
_OTHERS = 0o007
_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_]\w*)=(?P<quote>[\"']?)(?P<value>.*)(?P=quote)")


def take_keys(environment: MutableMapping[str, str] = os.environ) -> None:
    """Add the variables of the file that `ESPALIER_KEYS_FILE` names, if it is there; what is set already stands.

    On a cluster this process alone must have the keys: Ray's nodes hand their environment on to all of their workers.

    Args:
        environment: names the file, and receives its variables.

    Raises:
        ConfigError: other users can read the file, it cannot be read, or a line is no assignment. No line is quoted.
    """
    given = environment.get(VARIABLE, "").strip()
    path = Path(given).expanduser()
    if not given or not path.exists():
        return
    try:
        open_to_others, text = path.stat().st_mode & _OTHERS, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise ConfigError(f"{VARIABLE} names {path}, which cannot be read: {reason}.") from None
    if open_to_others:
        raise ConfigError(f"{path}, which {VARIABLE} names, is open to other users: give it mode 0600 (chmod 600).")
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        found = _LINE.fullmatch(words)
        if found is None:
            raise ConfigError(f"Line {number} of {path}, which {VARIABLE} names, is not of the form NAME=value.")
        environment.setdefault(found["name"], found["value"])
