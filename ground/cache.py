"""The user's cache folder: entries found by content hash, written whole, one writer at a time."""

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
    """The folder asked for, else $ESPALIER_CACHE_DIR, else espalier/ under $XDG_CACHE_HOME or ~/.cache."""
    if given is not None:
        return given
    if own := environment.get("ESPALIER_CACHE_DIR"):
        return Path(own)
    shared = environment.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "espalier"


def content_key(content: Mapping[str, Any]) -> str:
    """A short hash of JSON-ready values, the same whatever the order of their keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@contextlib.contextmanager
def locked(entry: Path) -> Iterator[None]:
    """Only one process at a time is inside for this entry; the others wait for it."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    with entry.with_name(f"{entry.name}.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def published(entry: Path) -> Iterator[Path]:
    """A folder to write into, which takes the place of `entry` when the block ends well.

    A process that dies half-way leaves no entry; whatever stood there before is replaced. Call it
    inside `locked`.
    """
    entry.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{entry.name}-", dir=entry.parent))
    try:
        yield draft
        shutil.rmtree(entry, ignore_errors=True)
        draft.rename(entry)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
