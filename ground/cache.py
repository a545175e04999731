"""The user's cache folder: entries are found by content hash, written atomically, and locked by one writer."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def cache_folder(given: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """The given folder, else `$ESPALIER_CACHE_DIR`, else `espalier/` under `$XDG_CACHE_HOME` or `~/.cache`.

    A user without a home has a folder that cannot be written.
    """
    if given is not None:
        return given
    if own := environment.get("ESPALIER_CACHE_DIR"):
        return Path(os.path.expanduser(own))  # noqa: PTH111  which leaves `~` where there is no home
    shared = environment.get("XDG_CACHE_HOME")
    try:
        return (Path(shared) if shared else Path.home() / ".cache") / "espalier"
    except RuntimeError:
        return Path(os.devnull) / "espalier"


def content_key(content: Mapping[str, Any]) -> str:
    """A short hash of JSON values that does not depend on the order of their keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@contextlib.contextmanager
def locked(entry: Path) -> Iterator[None]:
    """Hold the entry's lock during the block; other processes wait for it."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    with entry.with_name(f"{entry.name}.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def published(entry: Path) -> Iterator[Path]:
    """Write a folder that replaces `entry` when the block ends without an exception.

    A process that dies half-way leaves no incomplete entry. Call it inside `locked`.

    Yields:
        The folder to write into.
    """
    entry.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{entry.name}-", dir=entry.parent))
    try:
        yield draft
        shutil.rmtree(entry, ignore_errors=True)
        draft.rename(entry)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
