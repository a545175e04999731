"""One writer at a time: a lock file that the kernel frees when its holder dies, however it dies."""

import fcntl
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from tracking.errors import LockedError


class ExclusiveLock:
    """Holds ``path`` locked from construction until :meth:`release`.

    The lock belongs to the open file and not to the process (``flock``, not ``lockf``), so that a second one in the
    same process is refused too, and reading the file elsewhere does not drop it. The file stays behind on purpose:
    deleting it would let two writers lock two different files of one name.

    Raises:
        LockedError: another holder has it (only when ``wait`` is false), named by process and host.
        OSError: the lock file cannot be made.
    """

    def __init__(self, path: Path, *, guards: Path | None = None, wait: bool = False) -> None:
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(self._descriptor)
            self.release()
            raise LockedError(str(guards or path), holder) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)

    def release(self) -> None:
        """Let go; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _holder(descriptor: int) -> str:
    """The holder's own words, or a stand-in for the instant in which it has locked but not yet signed."""
    return os.pread(descriptor, 200, 0).decode(errors="replace") or "another process"
