"""Several steps of a preparation at once; an interrupt begins none of them, and lets those that run end in order."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

_LOOK_S = 0.2

Step = Callable[[Callable[[], bool]], None]
"""Is given a function that says whether to stop before the next part of it."""


def all_done(steps: Sequence[Step], workers: int, check: Callable[[], None]) -> None:
    """Do steps, some at once, and return when all are done.

    Args:
        steps: In the order in which they begin.
        workers: How many at once.
        check: Raises once the user has interrupted; it is called in this thread.

    Raises:
        BaseException: Of a step, or of `check`; it is raised after the steps that run have stopped.
    """
    stopping = threading.Event()
    with ThreadPoolExecutor(workers, thread_name_prefix="preparation") as threads:
        waiting = {threads.submit(step, stopping.is_set) for step in steps}
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                check()
        finally:
            stopping.set()
            for future in waiting:
                future.cancel()
