"""Many runs at once: each in a thread that waits for it, so that one that hangs holds up only its own place."""

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from sandbox.job import Job
from sandbox.result import Result
from sandbox.runner import Sandbox

Key = TypeVar("Key")


def run_all(box: Sandbox, jobs: Iterable[tuple[Key, Job]], workers: int) -> Iterator[tuple[Key, Result]]:
    """Run jobs, and yield each result as soon as it is there. Jobs are taken only as places become free.

    Args:
        box: the sandbox.
        jobs: each with a key that comes back with its result.
        workers: how many run at once.
    """
    waiting = iter(jobs)
    with ThreadPoolExecutor(workers, thread_name_prefix="sandbox") as threads:
        running: dict[Future[Result], Key] = {}
        while True:
            for key, job in islice(waiting, workers - len(running)):
                running[threads.submit(box.run, job)] = key
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
