"""Remembers which factory the user named for which run, so that going on with one's own run needs no further word.

A run's ledger names its factory, but a ledger is a data file: a run folder from elsewhere can name any code. The memory
therefore lies outside of the run folder, in the user's cache folder, and holds for the run at its own path only.
"""

import contextlib
import json
import os
from collections.abc import Collection
from pathlib import Path

from ground.cache import cache_folder, content_key
from ground.files import replaced
from pruning.factories import TRUST_OPTION, check_factory, is_factory
from tracking.runs import RunDir

_GROUP_OR_OTHERS_WRITE = 0o022


def remember_factory(run: Path, name: str) -> None:
    """Remember that the user named this model for the run. A name in a registry needs no memory.

    A cache folder that cannot be written is no error: resuming the run then asks for the factory.

    Args:
        run: The run folder.
        name: The name of the model.
    """
    if is_factory(name):
        with contextlib.suppress(OSError), replaced(_memory(run, name)) as draft:
            # Whatever the umask: what others may write is not believed later.
            draft.chmod(0o600)
            draft.write_text(json.dumps({"run": str(run.resolve()), "factory": name}), encoding="utf-8")


def check_run_factory(folder: RunDir, name: str, trusted: Collection[str] = (), *, option: str = TRUST_OPTION) -> None:
    """Refuse the factory that a run's ledger names, unless the user named the same one, now or for this run before.

    Args:
        folder: The run.
        name: The name of the model in its ledger.
        trusted: The factories that the user names now.
        option: The option by which the user can name the factory.

    Raises:
        UntrustedFactoryError: The user did not name the factory.
    """
    check_factory(name, (*trusted, *named_by_user(folder.path, name)), str(folder.ledger), option=option)


def named_by_user(run: Path, name: str) -> tuple[str, ...]:
    """Return the factory if the user named it for this run on this machine, else nothing.

    A memory that someone else wrote, or could have changed, counts for nothing.

    Args:
        run: The run folder.
        name: The name of the model in the ledger.
    """
    memory = _memory(run, name)
    try:
        state = memory.lstat()
        remembered = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ()
    own = state.st_uid == os.geteuid() and not state.st_mode & _GROUP_OR_OTHERS_WRITE
    return (name,) if own and remembered == {"run": str(run.resolve()), "factory": name} else ()


def _memory(run: Path, name: str) -> Path:
    return cache_folder() / "factories" / f"{content_key({'run': str(run.resolve()), 'factory': name})}.json"
