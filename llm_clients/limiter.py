"""One rate limiter for all callers of an endpoint: it backs off on 429, finds the allowed rate, and recovers."""

from __future__ import annotations

import threading

from llm_clients.retry import Clock

START_RATE = 20.0
"""Requests per second before anything is known about the server."""


class AdaptiveLimiter:
    """Spaces out the requests of any number of threads.

    Requests leave one by one, `1 / rate` seconds apart, so callers that were refused together do not return together.
    A 429 cuts the rate once for all requests in flight: to just below what the server has accepted since the last
    cut, or by half when that is too little to measure. The rate then grows quickly up to the rate that failed and
    slowly beyond it: just above the allowed rate a 429 costs more than the last percent gains. Consecutive 429s
    without a success double the pause and do not change the rate, so that it is still known when the server recovers.
    """

    def __init__(self, rate: float = START_RATE) -> None:
        self._lock = threading.Lock()
        self._rate = rate
        self._wall = float("inf")  # the lowest rate known to fail
        self._next = float("-inf")  # when the next send may leave
        self._cut_at = float("-inf")  # 429s of sends before this moment have had their effect
        self._sends: list[float] = []  # since then
        self._passed = 0  # since then
        self._streak = 0  # 429s since the last success

    @property
    def rate(self) -> float:
        """The present rate, in requests per second."""
        return self._rate

    def acquire(self, clock: Clock, patience_s: float) -> float | None:
        """Wait for a turn.

        Returns:
            The time at which the request may leave; None when that would take longer than `patience_s` or the clock
            was closed meanwhile.
        """
        deadline = clock.now() + patience_s
        while True:
            with self._lock:
                now = clock.now()
                wait_s = self._next - now
                if wait_s <= 0:
                    # counted from the planned time, not from now: threads wake up late, which must not lower the rate
                    self._next = max(self._next, now - 1 / self._rate) + 1 / self._rate
                    self._sends.append(now)
                    del self._sends[:-_REMEMBERED]
                    return now
            if now + wait_s > deadline or not clock.wait(wait_s):
                return None

    def passed(self) -> None:
        """Note that the server accepted a request, whatever came of it."""
        with self._lock:
            self._streak = 0
            self._passed += 1
            near = self._rate >= _NEAR * self._wall
            growth = _CAREFUL if near and self._passed < _CAREFUL_FOR else _BOLD
            self._rate = min(self._rate * (1 + growth), _FASTEST)

    def limited(self, now: float, sent_at: float, retry_after_s: float | None) -> None:
        """Note that the server answered 429 to a request that was sent at `sent_at`."""
        with self._lock:
            if retry_after_s is not None:
                self._next = max(self._next, now + retry_after_s)
            if sent_at < self._cut_at:
                return
            self._streak += 1
            if self._streak <= _CUTS_IN_A_ROW:
                self._cut(sent_at)
            if retry_after_s is None:
                self._next = max(self._next, now + min(2.0 ** (self._streak - 1) / self._rate, _LONGEST_PAUSE_S))
            self._cut_at = now
            self._sends, self._passed = [], 0

    def _cut(self, sent_at: float) -> None:
        # a 429 comes back at once and an answer takes long, so what is still in flight by now was accepted
        taken = [sent for sent in self._sends if sent < sent_at]
        if len(taken) < _ENOUGH_TO_TELL:
            self._wall = self._rate
            self._rate = max(self._rate / 2, _SLOWEST)
            return
        # includes the pause after the last 429: what a token bucket saved up in that time is not its rate
        began = taken[0] if self._cut_at == float("-inf") else self._cut_at
        measured = (len(taken) + 0.5) / (sent_at - began)
        self._wall = min(self._rate, measured)
        self._rate = max(self._wall * _BELOW_THE_WALL, _SLOWEST)


_ENOUGH_TO_TELL = 3
_BELOW_THE_WALL = 0.95
_NEAR = 0.9
_CAREFUL = 0.005
_CAREFUL_FOR = 60
_BOLD = 0.1
_CUTS_IN_A_ROW = 3
_REMEMBERED = 200
_FASTEST = 1000.0
_SLOWEST = 0.1
_LONGEST_PAUSE_S = 60.0
