"""One training at a time in an output folder: two would delete and continue each other's states."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from ground.locks import LockFile
from trainers.errors import StateError

_log = logging.getLogger(__name__)

LOCK = ".lock"


@contextlib.contextmanager
def held(out_dir: Path) -> Iterator[None]:
    """Hold an output folder during the block; it is made if need be.

    Raises:
        StateError: another training holds it.
        OSError: it cannot be written.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    with LockFile(out_dir / LOCK) as lock:
        try:
            lock.acquire(wait=False)
        except BlockingIOError as error:
            raise StateError(
                f"{out_dir} is in use: another training writes there at this moment. Wait until it has ended, or "
                "choose another output folder"
            ) from error
        except OSError as error:  # a file system without locks
            _log.warning("%s cannot be locked (%s): start no other training there meanwhile", out_dir, error.strerror)
        yield
