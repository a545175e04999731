"""Files that appear whole or not at all."""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replaced(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """A file to write, which takes the place of `path` when the block ends well.

    It lies in the same folder, which is made if it is not there, under a name of its own for each writer. A block that
    fails leaves `path` as it was.

    Args:
        path: the file that readers see.
        durable: fsync the content before it takes its place.

    Yields:
        The path of the draft, an empty file that may be overwritten.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}.draft")
    try:
        # Not by `tempfile`, whose files nobody else may read: this one has the mode of any new file.
        draft.touch(exist_ok=False)
        yield draft
        if durable:
            with draft.open("rb") as stream:
                os.fsync(stream.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Replace the file by this text in one step. Raises OSError."""
    with replaced(path) as draft:
        draft.write_text(text, encoding="utf-8")


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
