"""Which Espalier this is: its version, and the commit of the working tree that it runs from."""

import subprocess
from functools import cache
from pathlib import Path

DISTRIBUTION = "espalier-prune"
"""The name of the package, which is not that of its folders."""
VERSION = "0.1.0"

_ROOT = Path(__file__).resolve().parents[1]
_WAIT_S = 10.0


@cache
def commit() -> str | None:
    """Return the commit of the working tree, with `+changed` if files differ from it; None outside of a clone."""
    # An installed package may lie inside of another project's clone, whose commit says nothing about it.
    if not (_ROOT / ".git").exists():
        return None
    head = _git("rev-parse", "HEAD")
    if head is None:
        return None
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return head if changes == "" else f"{head}+changed"


def describe() -> str:
    """Return name, version and commit on one line."""
    of = commit()
    return f"{DISTRIBUTION} {VERSION}" + (f" ({of[:12]}{'+changed' * of.endswith('+changed')})" if of else "")


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  fixed words
            ["git", "-C", str(_ROOT), *arguments],  # noqa: S607  git is where the user has it
            capture_output=True,
            text=True,
            timeout=_WAIT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
