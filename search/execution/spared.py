"""The processes of Ray's own that a private session does without."""

from collections.abc import Iterator
from contextlib import contextmanager

SPARED = ("start_monitor", "start_api_server", "start_log_monitor")
"""Methods of Ray's node that start one each: what asks a cloud for nodes, what serves the dashboard, and what sends the
output of workers to the driver. A session on one machine has no use for any of them: it does not grow, its dashboard is
off, and so is `log_to_driver`. Ray starts them all the same, by no setting that says otherwise, and waits for the
second; together they take two fifths of the processor time of a start."""

_LOOK = "get_dashboard_dependency_error"
"""Of Ray's utilities: imports all that the dashboard needs, to see whether something is missing. With `ray[default]`,
which Espalier depends on, nothing is."""


@contextmanager
def without_spared() -> Iterator[None]:
    """Let a Ray that this process starts until the block ends leave them out.

    A version of Ray that starts them by other methods starts them as ever.
    """
    from ray._private import utils
    from ray._private.node import Node

    replaced = [(Node, name) for name in SPARED] + [(utils, _LOOK)]
    kept = [(owner, name, getattr(owner, name)) for owner, name in replaced if hasattr(owner, name)]
    for owner, name, _ in kept:
        setattr(owner, name, _nothing)
    try:
        yield
    finally:
        for owner, name, function in kept:
            setattr(owner, name, function)


def _nothing(*_: object, **__: object) -> None:
    """Stand in for each of them: nothing is started, and nothing is missing."""
