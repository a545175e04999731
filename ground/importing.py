"""Import large libraries with the garbage collector off.

Importing torch and its like makes half a million objects that all stay, and the collector visits them over and over as
they become more: a tenth of the processor time of a short search.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Collect nothing in the `with` block; afterwards the collector is as it was."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
