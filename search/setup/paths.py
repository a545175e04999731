"""Paths as users write them in options, YAML files and variables: with `~` and `${VARIABLE}`."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from search.errors import ConfigError

_VARIABLE = re.compile(r"\$\{(\w*)\}")


def expand(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Put in a home for a leading `~` or `~user`, and the value of each `${VARIABLE}`.

    A shell does so only for words that begin with `~`, not for `--runs=~/runs`, and for no YAML file. `$NAME` without
    braces is left alone, because it may be a folder's name.

    Raises:
        ConfigError: a variable is not set, a user is not known, or it can be no path.
    """

    def value_of(found: re.Match[str]) -> str:
        value = environment.get(found[1])
        if value is None:
            raise ConfigError(f"The path {text!r} names {found[0]}, and no such variable is set.")
        return value

    if "\0" in text:
        raise ConfigError(f"The path {text!r} contains a null character, which no path can.")
    expanded = _VARIABLE.sub(value_of, text)
    if not expanded.startswith("~"):
        return expanded
    home = os.path.expanduser(expanded)  # noqa: PTH111  a path that keeps its `~` is told below
    if home.startswith("~") and not Path(home).exists():
        raise ConfigError(f"The path {text!r} begins with the home of a user that is not known here.")
    return home


def expand_path(path: Path) -> Path:
    """The same for a path; see `expand`."""
    return Path(expand(str(path)))
