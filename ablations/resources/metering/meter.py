"""Intervals of one server: each call, or a batch of them, with who else was under way."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ablations.resources.metering.instruments import Instruments
from ablations.resources.metering.overlaps import Overlap, Overlaps
from ablations.resources.metering.readings import Readings
from ablations.resources.metering.summary import summarise, unseen
from ablations.resources.metering.watch import Account, Sample, Watch
from llm_clients.servers import UnseenServerError

EVERY_S = 0.05
"""Seconds between two samples."""


class Interval:
    """Filled when the block ends."""

    def __init__(self) -> None:
        self._readings: Readings | None = None

    @property
    def readings(self) -> Readings:
        """What was measured."""
        assert self._readings is not None, "the interval has not ended"
        return self._readings

    def fill(self, readings: Readings) -> None:
        """Set what was measured."""
        self._readings = readings


class Meter:
    """Measures one server while calls to it are under way. Safe to use from several threads."""

    def __init__(
        self, locate: Callable[[], int], instruments: Instruments, machine: Overlaps, every_s: float = EVERY_S
    ) -> None:
        """Nothing is looked at yet.

        Args:
            locate: returns the server's process; raises `UnseenServerError` where none can be seen. It is asked
                whenever an interval begins while no other is under way, because a server may be started again.
            instruments: what to measure with, besides /proc.
            machine: the calls on all servers of this machine.
            every_s: seconds between two samples.
        """
        self._locate = locate
        self._instruments = instruments
        self._server, self._machine = Overlaps(), machine
        self._every_s = every_s
        self._lock = threading.Lock()
        self._watch: Watch | str | None = None
        self._begun: set[_Begun] = set()

    @contextmanager
    def call(self) -> Iterator[Interval]:
        """Measure while the body makes one call."""
        interval = Interval()
        with (
            self._server.entered() as here,
            self._machine.entered() as there,
            self._measured(interval, lambda: Overlap(here.most, there.most)),
        ):
            yield interval

    @contextmanager
    def batch(self) -> Iterator[Interval]:
        """Measure while the body makes many calls, at once or not: what the server takes belongs to all of them."""
        interval = Interval()
        with (
            self._server.watched() as here,
            self._machine.watched() as there,
            self._measured(interval, lambda: Overlap.of_batch(here, there)),
        ):
            yield interval

    @contextmanager
    def _measured(self, interval: Interval, overlap: Callable[[], Overlap]) -> Iterator[None]:
        begun = self._begin()
        try:
            yield
            interval.fill(self._read(begun, overlap()))
        finally:
            self._end(begun)

    def _begin(self) -> "_Begun":
        with self._lock:
            begun = None if self._watch is None else _begin_with(self._watch)
            if begun is None or isinstance(begun.watch, str):  # not seen yet, or ended: it may have been started again
                self._watch = self._open()
                begun = _begin_with(self._watch)
            self._begun.add(begun)
            return begun

    def _open(self) -> Watch | str:
        try:
            return Watch(self._locate(), self._instruments, self._every_s)
        except UnseenServerError as error:
            return str(error)

    def _read(self, begun: "_Begun", overlap: Overlap) -> Readings:
        if begun.first is None or begun.account is None or isinstance(begun.watch, str):
            return unseen(time.monotonic() - begun.at_s, overlap, str(begun.watch), self._every_s)
        try:
            last = begun.watch.sample()
        except UnseenServerError as error:
            return unseen(time.monotonic() - begun.at_s, overlap, str(error), self._every_s)
        accounts = begun.account, begun.watch.account(last)
        samples = [sample for sample in begun.watch.since(begun.first) if sample.at_s <= last.at_s]
        return summarise(samples, accounts, overlap, self._instruments, self._every_s)

    def _end(self, begun: "_Begun") -> None:
        """Let the thread go with the last of its intervals, and old samples with the oldest."""
        watch = begun.watch
        with self._lock:
            self._begun.discard(begun)
            left = [each.at_s for each in self._begun if each.watch is watch]
            if not left and self._watch is watch:
                self._watch = None
        if isinstance(watch, str):
            return
        if left:
            watch.forget_before(min(left))
        else:
            watch.close()


@dataclass(frozen=True, slots=True, eq=False)
class _Begun:
    """An interval that has not ended: since when, by the monotonic clock, and what was seen then."""

    at_s: float
    watch: Watch | str
    first: Sample | None = None
    account: Account | None = None


def _begin_with(watch: Watch | str) -> _Begun:
    if isinstance(watch, str):
        return _Begun(time.monotonic(), watch)
    try:
        first = watch.sample()
    except UnseenServerError as error:
        return _Begun(time.monotonic(), str(error))
    return _Begun(first.at_s, watch, first, watch.account(first))
