"""Private folders for what Ray writes: only their owner can read them, and those of dead owners are removed.

A process that is killed removes nothing. Each folder holds a file that its owner keeps locked, and a lock ends with its
process however that ends; whoever starts next removes the folders whose lock is free.
"""

import contextlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ground.locks import LockFile
from search.errors import ResourceError
from search.setup.address import PREFIX

OWNER = ".espalier-owner"
SOCKET_BYTES = 107
"""The longest path of a Unix socket."""
BELOW = len("/espalier-12345678/r99/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store")
"""What Ray's longest socket adds to the folder for temporary files; each try to start Ray has a folder of its own."""
_MADE = re.compile(rf"{PREFIX}[a-z0-9_]{{8}}")
_UNBORN_S = 3600.0


def scratch_root() -> Path:
    """Return the folder for temporary files, or another one where its path is too long for Ray's sockets.

    Raises:
        ResourceError: there is none that is short enough and can be written.
    """
    for root in _candidates():
        if len(os.fsencode(root)) + BELOW <= SOCKET_BYTES and os.access(root, os.W_OK | os.X_OK) and root.is_dir():
            return root
    raise ResourceError(
        f"Ray needs a folder for its sockets whose path has at most {SOCKET_BYTES - BELOW} bytes, and none of "
        f"{', '.join(map(str, _candidates()))} is one that can be written. Set TMPDIR to a short one, or run with "
        "--executor local, which needs no Ray."
    )


def _candidates() -> tuple[Path, ...]:
    own: tuple[Path, ...] = ()
    with contextlib.suppress(FileNotFoundError):  # no folder for temporary files can be written
        own = (Path(tempfile.gettempdir()),)
    others = ("/tmp", "/var/tmp", f"/run/user/{os.getuid()}", "/dev/shm")  # noqa: S108  mkdtemp makes the folder
    return (*own, *(Path(other) for other in others if Path(other) not in own))


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder that is removed when the block ends, after removing those of dead processes.

    Yields:
        The folder, mode 0700.

    Raises:
        ResourceError: there is no place for it.
    """
    root = scratch_root()
    sweep(root)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
    try:
        with LockFile(folder / OWNER) as owner:
            owner.acquire(wait=False)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(root: Path) -> None:
    """Remove this user's folders of processes that have died."""
    with contextlib.suppress(OSError):
        for folder in root.iterdir():
            if _MADE.fullmatch(folder.name) and _is_own(folder):
                _remove_if_left(folder)


def _is_own(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        about = folder.lstat()
        return stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid()
    return False


def _remove_if_left(folder: Path) -> None:
    """Remove a folder whose lock is free. One without a lock is not ours, unless it is still empty after an hour."""
    try:
        owner = LockFile(folder / OWNER, os.O_NOFOLLOW)
    except OSError:
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _UNBORN_S:
                folder.rmdir()
        return
    with owner, contextlib.suppress(OSError):  # its owner lives
        owner.acquire(wait=False)
        shutil.rmtree(folder, ignore_errors=True)
