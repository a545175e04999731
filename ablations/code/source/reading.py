"""Reading documents from the disk: files and folders as a user names them, whole or not at all."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType

from ablations.code.source.documents import Documents, Skipped
from ablations.code.source.errors import DocumentError

TEXTS = frozenset({".py", ".md", ".txt", ".rst", ".json", ".yaml", ".yml", ".toml", ".cfg", ".ini", ".sh"})
LARGEST_BYTES = 256 * 1024
"""Of one document."""
LARGEST_TOTAL_BYTES = 1024 * 1024
"""Of all together; a prompt has to hold them."""


def read_documents(given: Sequence[Path], *, base: Path | None = None) -> Documents:
    """Read files, and all files in folders.

    Args:
        given: files and folders. What a folder contains and cannot be used is named in `Documents.skipped`; a file that
            is named itself and cannot be used is an error.
        base: paths below it are relative to it, others to the parent of what was given; None takes the current folder.

    Raises:
        DocumentError: Something is missing, is no text, is too large, or two have the same relative path.
    """
    if not given:
        raise DocumentError("No document was given: name at least one file or folder with -d.")
    base = (base or Path.cwd()).resolve()
    texts: dict[str, str] = {}
    skipped: list[Skipped] = []
    origins: dict[str, Path] = {}
    for path in given:
        for name, file, reason in _files(path, base):
            if reason is not None:
                skipped.append(Skipped(name, reason))
            elif origins.setdefault(name, file.resolve()) != file.resolve():
                raise DocumentError(
                    f"Both {str(origins[name])!r} and {str(file)!r} would be called {name!r}: name a folder above both."
                )
            else:
                texts[name] = read_text(file)
    _check(given, texts, skipped)
    return Documents(MappingProxyType(texts), tuple(skipped))


def read_text(file: Path) -> str:
    """Read one text, whole.

    Raises:
        DocumentError: It is not there, is no text, or is too large.
    """
    if not file.is_file():
        raise DocumentError(f"There is no file {str(file)!r}.")
    size = file.stat().st_size
    if size > LARGEST_BYTES:
        raise DocumentError(
            f"{str(file)!r} has {size:,} bytes, and {LARGEST_BYTES:,} are the most: nothing is cut from a document."
        )
    try:
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(f"{str(file)!r} is no text in UTF-8 (at byte {error.start}).") from None


def _check(given: Sequence[Path], texts: dict[str, str], skipped: Sequence[Skipped]) -> None:
    total = sum(len(text.encode()) for text in texts.values())
    if total > LARGEST_TOTAL_BYTES:
        raise DocumentError(
            f"The documents have {total:,} bytes together, and {LARGEST_TOTAL_BYTES:,} are the most: nothing is cut "
            "from a document, so name fewer of them."
        )
    if not texts:
        named = ", ".join(repr(str(path)) for path in given)
        known = ", ".join(f"{skip.path} ({skip.reason})" for skip in skipped[:5]) or "nothing"
        raise DocumentError(f"There is no document in {named}; found: {known}. Documents end in {_suffixes()}.")


def _files(path: Path, base: Path) -> Iterator[tuple[str, Path, str | None]]:
    """Yield name, file and why it cannot be used, if it cannot."""
    if path.is_file():
        if path.suffix.lower() not in TEXTS:
            raise DocumentError(f"{str(path)!r} is no document: its name does not end in {_suffixes()}.")
        yield _name(path, path.parent, base), path, None
    elif path.is_dir():
        for found in sorted(_below(path)):
            yield _name(found, path.parent, base), found, _unusable(found, path)
    else:
        raise DocumentError(f"There is no file or folder {str(path)!r}.")


def _below(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder; folders that hold no source are not entered."""
    for top, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        yield from (Path(top, name) for name in files if not name.startswith("."))


def _unusable(file: Path, folder: Path) -> str | None:
    if not file.is_file():
        return "no file"
    if file.is_symlink() and not file.resolve().is_relative_to(folder.resolve()):
        return "a link that leads out of the folder"
    if file.suffix.lower() not in TEXTS:
        return f"not supported: {file.suffix or 'no suffix'}"
    return None


def _name(file: Path, parent: Path, base: Path) -> str:
    """The path below `base`, or else below the parent of what was given; links keep their own name."""
    whole = file.absolute()  # not resolved: a link keeps its own name
    root = base if whole.is_relative_to(base) else parent.absolute()
    return whole.relative_to(root).as_posix()


def _suffixes() -> str:
    return ", ".join(sorted(TEXTS))
