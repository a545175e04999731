"""Reader processes: started once for a split, as many as this worker has cores, and ended with it."""

import gc
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from trainers.datasets.reading import Found, Reading, Request

MOST = 32
"""Readers of one worker: more than the fastest GPU can take from them."""
AHEAD = 6
"""Requests that are read ahead by each reader."""


def default_readers() -> int:
    """The cores of this worker: those that this process may use, shared with the other workers of its node."""
    workers_here = int(os.environ.get("LOCAL_WORLD_SIZE", "1") or 1)
    return max(1, min(MOST, usable_cores() // max(1, workers_here)))


def usable_cores() -> int:
    """How many cores this process may use: a container often has fewer than its machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no such control group, or no limit ("max")
        return cores


class Readers:
    """A number of processes that answer requests in their order, a few ahead of who takes the answers.

    Only one series of requests is answered at a time: a new one ends the one before.
    """

    def __init__(self, reading: Reading, count: int, *, pinned: bool) -> None:
        """Start no process yet.

        Args:
            reading: what the readers do.
            count: of the processes; 0 reads in this one.
            pinned: whether answers come in memory that a GPU copies from while it computes.
        """
        self.pinned, self._reading, self._turn = pinned, reading, 0
        self._coming = _Coming()
        self._loader: DataLoader[Found] | None = None
        if count:
            self._loader = DataLoader(
                reading,
                batch_sampler=self._coming,
                num_workers=count,
                prefetch_factor=AHEAD,
                persistent_workers=True,
                collate_fn=_as_it_is,
                worker_init_fn=_begin,
                # Without its own, each epoch would draw from the generator that dropout draws from.
                generator=torch.Generator(),
                pin_memory=pinned,
            )

    def read(self, requests: Iterable[Request]) -> Iterator[Found]:
        """Yield the answer to each request, in their order."""
        self._turn += 1
        turn = self._turn
        if self._loader is None:
            yield from map(self._reading.__getitem__, requests)
            return
        self._coming.requests = requests
        for found in self._loader:
            yield found
            assert turn == self._turn, "another series of requests has begun"

    @property
    def ids(self) -> tuple[int, ...]:
        """The processes' ids, once they were started."""
        started: Any = None if self._loader is None else self._loader._iterator
        return () if started is None else tuple(worker.pid for worker in started._workers)

    def close(self) -> None:
        """End the processes."""
        if self._loader is not None and self._loader._iterator is not None:
            self._loader._iterator._shutdown_workers()  # type: ignore[attr-defined]
            self._loader._iterator = None


class _Coming:
    """The requests of the series that is read now."""

    requests: Iterable[Request] = ()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.requests)


def _as_it_is(found: Any) -> Any:
    return found


def _begin(_: int) -> None:
    """Make this process a reader: what it shares with its parent stays shared, and signals are its parent's."""
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
