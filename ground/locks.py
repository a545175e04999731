"""A lock on a file that ends with the process that took it, whatever that process has forked."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self
from weakref import WeakSet


class LockFile:
    """An open file that can be locked.

    The lock belongs to the open file and not to the process (`flock`, not `lockf`), so that a second lock in the same
    process is refused too, and reading the file elsewhere does not release it. The kernel releases it whenever and
    however its holder dies.

    A forked process shares its parent's open files, and would hold the lock beyond the parent's death. It therefore
    closes its copy as soon as it is forked, which leaves the parent's lock as it is.
    """

    def __init__(self, path: Path, flags: int = os.O_CREAT) -> None:
        """Open the file.

        Args:
            path: The lock file.
            flags: How, beside reading and writing; the default creates it.

        Raises:
            OSError: It cannot be opened.
        """
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, 0o644)
        _opened.add(self)

    @property
    def descriptor(self) -> int:
        """Of the open file.

        Raises:
            ValueError: It is closed.
        """
        if self._descriptor is None:
            raise ValueError("the lock file is closed")
        return self._descriptor

    def acquire(self, *, wait: bool) -> None:
        """Lock the file.

        Args:
            wait: Until its holder releases it.

        Raises:
            BlockingIOError: It is locked, and this does not wait.
        """
        fcntl.flock(self.descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

    def close(self) -> None:
        """Close the file, which releases its lock; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_opened: "WeakSet[LockFile]" = WeakSet()


def _let_go() -> None:
    """Close the copies of a forked process; closing, unlike unlocking, concerns the copy alone."""
    for lock in list(_opened):
        lock.close()


os.register_at_fork(after_in_child=_let_go)
