"""Whether a node sees the driver's folder: states and epochs are written there, and read by whichever node is next."""

import socket
import time
import uuid
from pathlib import Path

from trainers.errors import WorkersDifferError

MARK = "driver"
_AGAIN_S, _TRIES = 0.5, 10
"""A network file system may show a new file to other nodes a little later."""


def mark(out_dir: Path) -> str:
    """Mark the driver's folder, and return by what it is known."""
    token = uuid.uuid4().hex
    (out_dir / MARK).write_text(token, encoding="utf-8")
    return token


def check_seen(out_dir: Path, token: str) -> None:
    """Check that this node sees the folder that the driver marked.

    Raises:
        WorkersDifferError: it does not.
    """
    for _ in range(_TRIES):
        if (out_dir / MARK).exists() and (out_dir / MARK).read_text(encoding="utf-8") == token:
            return
        time.sleep(_AGAIN_S)
    raise WorkersDifferError(
        f"the node {socket.gethostname()!r} does not see the folder {str(out_dir)!r} that the driver writes to: choose "
        "one on storage that all nodes share"
    )
