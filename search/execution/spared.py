"""The processes of Ray's own that a private session does without."""

from collections.abc import Iterator
from contextlib import contextmanager

SPARED = ("start_monitor", "start_api_server", "start_log_monitor")
"""Methods of Ray's node that start one each: what asks a cloud for nodes, what serves the dashboard, and what sends the
output of workers to the driver. A session on one machine has no use for any of them: it does not grow, its dashboard is
off, and so is `log_to_driver`. Ray starts them all the same, by no setting that says otherwise, and waits for the
second; together they take two fifths of the processor time of a start."""


@contextmanager
def without_spared() -> Iterator[None]:
    """Let a Ray that this process starts until the block ends leave them out.

    A version of Ray that starts them by other methods starts them as ever.
    """
    from ray._private.node import Node

    kept = {name: getattr(Node, name) for name in SPARED if hasattr(Node, name)}
    for name in kept:
        setattr(Node, name, _start_nothing)
    try:
        yield
    finally:
        for name, method in kept.items():
            setattr(Node, name, method)


def _start_nothing(*_: object, **__: object) -> None:
    """Stand in for each of them."""
