"""Drafts that died with their process, removed by a later one."""

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from ground.files import is_draft

OLD_S = 24 * 3600.0
"""No draft is written for a day."""


def sweep_drafts(folder: Path) -> None:
    """Remove this user's drafts of more than a day ago from a folder and those in it."""
    for path in _entries(folder):
        with contextlib.suppress(OSError):
            about = path.lstat()
            if about.st_uid != os.geteuid() or time.time() - about.st_mtime < OLD_S:
                continue
            if stat.S_ISDIR(about.st_mode):
                shutil.rmtree(path, ignore_errors=True)
            elif stat.S_ISREG(about.st_mode):
                path.unlink()


def _entries(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        for place in (folder, *(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())):
            yield from (path for path in place.iterdir() if is_draft(path))
