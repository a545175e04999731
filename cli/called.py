"""How this program was called, and hints that say it the same way."""

import shlex
import sys
from pathlib import Path

_SCRIPT = "launch.py"
_COMMAND = "espalier"


def program_name() -> str:
    """Return the name that the usage shows: `launch.py`, or `espalier` where the installed command was called."""
    return _COMMAND if _is_installed_command() else _SCRIPT


def program() -> str:
    """Return how to call this program again from the present folder, quoted for a shell."""
    if _is_installed_command():
        return _COMMAND
    script = Path(sys.argv[0])
    return f"python {shlex.quote(str(script) if script.name == _SCRIPT else _SCRIPT)}"


def as_called(text: str) -> str:
    """Return a text in which each `python launch.py` is the program as it was called.

    Rooms below this one name the command in their hints, and do not know how the user calls it.
    """
    if not _is_installed_command():
        return text.replace(f"python {_SCRIPT} ", f"{program()} ")
    return text.replace(f"python {_SCRIPT}", _COMMAND).replace(f"`{_SCRIPT} ", f"`{_COMMAND} ")


def _is_installed_command() -> bool:
    return Path(sys.argv[0]).stem == _COMMAND
