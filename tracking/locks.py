"""An exclusive lock file, which the kernel releases whenever and however its holder dies."""

import os
import re
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from ground.locks import LockFile
from tracking.errors import LockedError

_POLL_S = 0.05


class ExclusiveLock:
    """A lock that is held from construction until `release`.

    The file is deliberately not deleted: deleting it would allow two writers to lock two different files of the same
    name.
    """

    def __init__(self, path: Path, *, guards: Path | None = None, wait_s: float = 0.0) -> None:
        """Acquire the lock.

        Args:
            path: The lock file.
            guards: The file that the lock protects, for the error message.
            wait_s: Seconds to wait for another holder before raising.

        Raises:
            LockedError: Another holder has the lock, named by process and host.
            OSError: The lock file cannot be created.
        """
        self._file = LockFile(path)
        try:
            _acquire(self._file, wait_s)
        except BlockingIOError as error:
            holder = _holder(self._file.descriptor)
            self.release()
            raise LockedError(str(guards or path), holder) from error
        os.ftruncate(self._file.descriptor, 0)
        os.pwrite(self._file.descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)

    def release(self) -> None:
        """Release the lock; a second call does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _acquire(file: LockFile, wait_s: float) -> None:
    """Lock the file; ask again and again, because the kernel has no waiting with a limit."""
    limit = time.monotonic() + wait_s
    while True:
        try:
            file.acquire(wait=False)
        except BlockingIOError:
            if time.monotonic() >= limit:
                raise
            time.sleep(_POLL_S)
        else:
            return


def _holder(descriptor: int) -> str:
    """Return what the holder wrote into the file; a generic name in the moment before it has done so."""
    written = os.pread(descriptor, 200, 0).decode(errors="replace")
    named = re.fullmatch(r"process (\d+) on (.*)", written)
    if named and named[2] == socket.gethostname() and not Path(f"/proc/{named[1]}").exists() and Path("/proc").is_dir():
        return f"a process that was begun by {written}, which has ended"
    return written or "another process"
