"""Remembers what the user named for which run, so that going on with one's own run needs no further word.

A run's ledger names a factory and servers, but a ledger is a data file: a run folder from elsewhere can name any code
and any machine. The memory therefore lies outside of the run folder, in the user's cache folder, and holds for the run
at its own path only.
"""

import contextlib
import json
import os
from enum import StrEnum
from pathlib import Path

from ground.cache import cache_folder, content_key
from ground.files import replaced

_GROUP_OR_OTHERS_WRITE = 0o022


class Named(StrEnum):
    """What a user names for a run, and a foreign run must not choose."""

    FACTORY = "factory"
    SERVER = "server"


def remember(run: Path, kind: Named, value: str) -> None:
    """Remember that the user named this for the run.

    A cache folder that cannot be written is no error: resuming the run then asks again.

    Args:
        run: The run folder.
        kind: What was named.
        value: Its name or address.
    """
    with contextlib.suppress(OSError), replaced(_memory(run, kind, value)) as draft:
        # Whatever the umask: what others may write is not believed later.
        draft.chmod(0o600)
        draft.write_text(json.dumps(_content(run, kind, value)), encoding="utf-8")


def is_remembered(run: Path, kind: Named, value: str) -> bool:
    """Whether the user named this for the run on this machine.

    A memory that someone else wrote, or could have changed, counts for nothing.

    Args:
        run: The run folder.
        kind: What was named.
        value: Its name or address, as the ledger has it.
    """
    memory = _memory(run, kind, value)
    try:
        state = memory.lstat()
        remembered = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    own = state.st_uid == os.geteuid() and not state.st_mode & _GROUP_OR_OTHERS_WRITE
    return own and bool(remembered == _content(run, kind, value))


def _content(run: Path, kind: Named, value: str) -> dict[str, str]:
    return {"run": str(run.resolve()), kind.value: value}


def _memory(run: Path, kind: Named, value: str) -> Path:
    return cache_folder() / "named" / f"{content_key(_content(run, kind, value))}.json"
