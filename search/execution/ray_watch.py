"""Watches the processes of a private Ray session: without them Ray is silent for a minute, and then ends the driver."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from search.execution.executor import Lost

POLL_S = 0.5
"""Seconds between two looks at the processes."""
VITAL = ("gcs_server", "raylet")
"""The processes without which a session cannot go on."""


@contextmanager
def watched(lost: Lost) -> Iterator[None]:
    """Call `lost`, once and in a thread of its own, if a process of this session ends before the block does.

    Of a cluster that this process did not start nothing is watched: Ray itself tells of its loss.

    Args:
        lost: hears which process ended.
    """
    from ray._private import worker

    node, over = worker._global_node, threading.Event()

    def watch() -> None:
        while not over.wait(POLL_S):
            dead = [name for name, _ in node.dead_processes() if name in VITAL]
            if dead and not over.is_set():
                lost(f"Ray's process {dead[0]} has ended")
                return

    if node is not None and node.is_head():
        threading.Thread(target=watch, name="ray-watch", daemon=True).start()
    try:
        yield
    finally:
        over.set()
