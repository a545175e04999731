"""Atomic files: they appear whole or not at all."""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replaced(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Write a draft that replaces `path` when the block ends without an exception.

    The draft is in the same folder, which is created if needed, under a unique name. A block that fails leaves `path`
    unchanged.

    Args:
        path: the file that readers see.
        durable: fsync the content before it replaces `path`.

    Yields:
        The path of the draft, an empty file that may be overwritten.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}.draft")
    try:
        # Not by `tempfile`, whose files only their owner can read: the draft gets the default mode.
        draft.touch(exist_ok=False)
        yield draft
        if durable:
            with draft.open("rb") as stream:
                os.fsync(stream.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Replace the file's content by this text, atomically.

    Raises:
        OSError: the folder cannot be written.
    """
    with replaced(path) as draft:
        draft.write_text(text, encoding="utf-8")


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
