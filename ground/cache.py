"""The user's cache folder: entries are found by content hash, written atomically, and locked by one writer.

A cache only saves time: where its folder cannot be used, the work is done without it, and a warning says so.
"""

import contextlib
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ground.locks import LockFile

_log = logging.getLogger(__name__)
_told: set[Path] = set()
_LONGEST_REASON = 200


def cache_folder(given: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """The given folder, else `$ESPALIER_CACHE_DIR`, else `espalier/` under `$XDG_CACHE_HOME` or `~/.cache`."""
    if given is not None:
        return given
    if own := environment.get("ESPALIER_CACHE_DIR"):
        return Path(os.path.expanduser(own))  # noqa: PTH111  which leaves `~` where there is no home
    shared = environment.get("XDG_CACHE_HOME")
    if shared:
        return Path(shared) / "espalier"
    try:
        return Path.home() / ".cache" / "espalier"
    except RuntimeError:  # no HOME, and a user id without a name, as in containers
        return Path(tempfile.gettempdir()) / f"espalier-{os.getuid()}"


def content_key(content: Mapping[str, Any]) -> str:
    """A short hash of JSON values that does not depend on the order of their keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@contextlib.contextmanager
def locked(entry: Path) -> Iterator[None]:
    """Hold the entry's lock during the block; other processes wait for it."""
    with _lock(entry):
        yield


@contextlib.contextmanager
def locked_if_usable(entry: Path) -> Iterator[bool]:
    """Hold the entry's lock during the block, as `locked` does, if the cache folder can be written.

    Yields:
        Whether the lock is held, so that the entry may be written. It may be read in any case.
    """
    try:
        lock = _lock(entry)
    except OSError as error:
        warn_unusable(entry.parent, error)
        yield False
        return
    with lock:
        yield True


def warn_unusable(folder: Path, error: OSError) -> None:
    """Say, once for each folder, that a part of the cache cannot be used."""
    if folder not in _told:
        _told.add(folder)
        _log.warning("the cache folder %s cannot be used (%s): going on without it", folder, error.strerror or error)


def warn_damaged(entry: Path, error: Exception) -> None:
    """Say that an entry cannot be used and is made again."""
    reason = " ".join(str(error).split())[:_LONGEST_REASON] or type(error).__name__
    _log.warning("the cache entry %s is damaged or is no entry of this kind (%s): making it again", entry, reason)


def _lock(entry: Path) -> LockFile:
    entry.parent.mkdir(parents=True, exist_ok=True)
    file = LockFile(entry.with_name(f"{entry.name}.lock"))
    try:
        file.acquire(wait=True)
    except OSError:
        file.close()
        raise
    return file
