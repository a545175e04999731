"""The text that every machine has: the sources of Python's own library, split by file."""

import hashlib
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from ablations.heads.errors import TextError

_HELD_OUT_OF = 8
_FEWEST_FILES = 40


@dataclass(frozen=True, slots=True)
class Corpus:
    """The texts of whole files.

    Attributes:
        training: files for training, and for calibration (importance, agency).
        held_out: other files, on which perplexity is measured and from which prompts are taken.
        digest: a hash of the names and contents of all files.
    """

    training: tuple[str, ...]
    held_out: tuple[str, ...]
    digest: str


def standard_library(folder: Path | None = None) -> Corpus:
    """Read the modules of the standard library that are single files; their names decide the split.

    Args:
        folder: where the files are; the running Python's library by default.

    Raises:
        TextError: there are too few sources, as where a Python ships compiled files only.
    """
    folder = folder or Path(sysconfig.get_paths()["stdlib"])
    files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.py"))}
    if len(files) < _FEWEST_FILES:
        raise TextError(
            f"The embedded model learns from the sources of Python's own library, but {folder} holds {len(files)} "
            f"files *.py, and {_FEWEST_FILES} are needed. Use a Python that was installed with its sources, or "
            "name a model folder of your own with --model-name."
        )
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(f"{name}\n{len(content)}\n".encode())
        digest.update(content)
    held_out = {name for name in files if _is_held_out(name)}
    return Corpus(
        tuple(_text(content) for name, content in files.items() if name not in held_out),
        tuple(_text(content) for name, content in files.items() if name in held_out),
        digest.hexdigest(),
    )


def _is_held_out(name: str) -> bool:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % _HELD_OUT_OF == 0


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")
