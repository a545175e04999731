"""Several trainings at once, each in a thread of its own; what they have to say is done in the caller's thread."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import Empty, SimpleQueue

_POLL_S = 0.2
"""A signal is seen at least so often."""

Action = Callable[[], None]
Post = Callable[[Action], None]
"""Has an action done in the caller's thread; of one training, in their order."""
Work = Callable[[Post, Action], None]
"""A training, given a `Post`, and what it is to call every second or so: that raises once it is no longer wanted."""


class _NotWantedError(Exception):
    """Ends a training because another has failed, or the run is being interrupted."""


def side_by_side(works: Sequence[Work], at_once: int, check: Action) -> None:
    """Carry out all works; the first one that fails ends the others.

    Args:
        works: in the order in which they begin.
        at_once: how many run at once; the others wait for one of them to end.
        check: called several times a second; what it raises ends all works, once they have seen it.

    Raises:
        Exception: what the first work raised; whatever was posted until then has been done.
    """
    heard: SimpleQueue[Action] = SimpleQueue()
    stopped = threading.Event()
    with ThreadPoolExecutor(at_once, thread_name_prefix="side-by-side") as pool:
        futures = [pool.submit(work, heard.put, partial(_go_on, stopped)) for work in works]
        try:
            _listen(futures, heard, check)
        finally:
            stopped.set()
            for future in futures:
                future.cancel()
    _do_all(heard)
    for future in futures:
        error = None if future.cancelled() else future.exception()
        if error is not None and not isinstance(error, _NotWantedError):
            raise error


def _go_on(stopped: threading.Event) -> None:
    if stopped.is_set():
        raise _NotWantedError


def _listen(futures: Sequence[Future[None]], heard: SimpleQueue[Action], check: Action) -> None:
    """Do what is posted, until all works have ended or one has failed."""
    while True:
        check()
        # Looked at before the queue is emptied: what a work that has ended had to say is in it.
        ended = [future for future in futures if future.done()]
        _do_all(heard, _POLL_S if len(ended) < len(futures) else 0.0)
        if len(ended) == len(futures) or any(future.exception() for future in ended):
            return


def _do_all(heard: SimpleQueue[Action], wait_s: float = 0.0) -> None:
    """Do all that is in the queue; wait for the first of it."""
    try:
        while True:
            heard.get(timeout=wait_s)()
            wait_s = 0.0
    except Empty:
        return
