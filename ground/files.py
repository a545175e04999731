"""Atomic files and folders: they appear whole or not at all, also after a power cut where that is asked for."""

import contextlib
import glob
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

_DRAFT = re.compile(r"\..+-\d+-[0-9a-f]{8}\.draft")


@contextlib.contextmanager
def replaced(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Write a draft that replaces `path` when the block ends without an exception.

    The draft is in the same folder, which is created if needed, under a unique name. A block that fails leaves `path`
    unchanged.

    Args:
        path: the file that readers see.
        durable: fsync the content before it replaces `path`, and the folder afterwards.

    Yields:
        The path of the draft, an empty file that may be overwritten.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft_of(path)
    try:
        # Not by `tempfile`, whose files only their owner can read: the draft gets the default mode.
        draft.touch(exist_ok=False)
        yield draft
        if durable:
            fsync(draft)
        draft.replace(path)
        if durable:
            fsync(path.parent)
    finally:
        draft.unlink(missing_ok=True)


@contextlib.contextmanager
def folder_replaced(path: Path) -> Iterator[Path]:
    """Write a draft folder that replaces `path` when the block ends without an exception.

    Its files are fsynced before the folder gets its name, so that a power cut leaves the old folder, the new one, or
    none, but never half of one. Drafts that killed processes left are removed: one writer at a time.

    Args:
        path: the folder that readers see. All that it holds is replaced.

    Yields:
        The path of the draft, an empty folder.

    Raises:
        OSError: the folder around it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}-*"):
        if is_draft(left):
            _remove(left)
    draft, former = _draft_of(path), _draft_of(path)
    draft.mkdir()
    try:
        yield draft
        for file in (*(entry for entry in draft.rglob("*") if entry.is_file()), draft):
            fsync(file)
        with contextlib.suppress(FileNotFoundError):
            path.rename(former)
        draft.rename(path)
        fsync(path.parent)
    finally:
        _remove(draft)
        _remove(former)


def write_whole(path: Path, text: str, *, durable: bool = False) -> None:
    """Replace the file's content by this text, atomically; `durable` as in `replaced`.

    Raises:
        OSError: the folder cannot be written.
    """
    with replaced(path, durable=durable) as draft:
        draft.write_text(text, encoding="utf-8")


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_draft(path: Path) -> bool:
    """Whether a path has the name of a draft of `replaced` or `folder_replaced`."""
    return _DRAFT.fullmatch(path.name) is not None


def _draft_of(path: Path) -> Path:
    return path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}.draft")


def fsync(path: Path) -> None:
    """Write a file's content, or a folder's entries, to the disk: the fsync of a new file does not cover its name.

    Raises:
        OSError: the disk refuses it.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
