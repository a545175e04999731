"""Which calls were under way at the same time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self


class Place:
    """A stretch of time, and the calls in it so far, the stretch itself included if it is one.

    Attributes:
        most: the most that were under way at once.
        calls: how many there were.
    """

    def __init__(self, calls: int) -> None:
        self.most = self.calls = calls


class Overlaps:
    """Counts calls. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0
        self._places: set[Place] = set()

    @contextmanager
    def entered(self) -> Iterator[Place]:
        """Be a call while the body runs."""
        place = self._begin(calls=1)
        try:
            yield place
        finally:
            self._end(place, calls=1)

    @contextmanager
    def watched(self) -> Iterator[Place]:
        """See the calls that are under way while the body runs, without being one."""
        place = self._begin(calls=0)
        try:
            yield place
        finally:
            self._end(place, calls=0)

    def _begin(self, calls: int) -> Place:
        with self._lock:
            self._calls += calls
            for other in self._places:
                other.calls += calls
                other.most = max(other.most, self._calls)
            place = Place(self._calls)
            self._places.add(place)
            return place

    def _end(self, place: Place, calls: int) -> None:
        with self._lock:
            self._calls -= calls
            self._places.discard(place)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Who else was under way.

    Attributes:
        here: the most calls on the server at once, this one included.
        machine: the most calls on all servers of this machine at once, this one included.
        batch: whether the interval is of all calls on the server together, to which all that it takes belongs.
        elsewhere: of a batch: the calls on other servers of this machine.
    """

    here: int
    machine: int
    batch: bool = False
    elsewhere: int = 0

    @classmethod
    def of_batch(cls, here: Place, there: Place) -> Self:
        """Return who was under way during a batch.

        Args:
            here: The batch, on its server.
            there: The same stretch, on the machine. A call that is just beginning counts on its server first.
        """
        return cls(here.most, there.most, batch=True, elsewhere=max(0, there.calls - here.calls))

    @property
    def shared(self) -> bool:
        """Whether another call was under way on the server."""
        return self.here > 1

    def of_server(self) -> str | None:
        """Why what the server took does not belong to this interval; None if it does."""
        return None if self.batch or self.here < 2 else _COMMON.format(self.here, "server")

    def of_machine(self) -> str | None:
        """Why what the machine took does not belong to this interval; None if it does."""
        if self.batch:
            return f"calls on other servers of this machine are in it ({self.elsewhere})" if self.elsewhere else None
        return None if self.machine < 2 else _COMMON.format(self.machine, "machine")


_COMMON = "{} calls were under way on this {} at once, and none of them has a part of its own"
