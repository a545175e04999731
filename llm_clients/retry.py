"""The only retry policy. It decides, and the caller waits."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from typing import Protocol

from llm_clients.errors import LLMConfigurationError
from llm_clients.fault import Fault, FaultKind


class Clock(Protocol):
    """Time and waiting, injected so that tests need not sleep."""

    def now(self) -> float:
        """Monotonic seconds."""

    def wait(self, seconds: float) -> bool:
        """Wait, and return False if the client was closed meanwhile."""

    def close(self) -> None:
        """End every wait, present and future."""


class WallClock:
    """Real time."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def now(self) -> float:
        """Seconds of `time.monotonic`."""
        return time.monotonic()

    def wait(self, seconds: float) -> bool:
        """Wait, and return False if the client was closed meanwhile."""
        return not self._closed.wait(max(seconds, 0.0))

    def close(self) -> None:
        """End every wait, present and future."""
        self._closed.set()


@dataclass(frozen=True, slots=True)
class Retry:
    """Decision to try again after a sleep."""

    sleep_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Decision to end the call."""

    reason: str


LOCAL_ATTEMPT_S = 600.0
"""Longest single trip to a server on this machine."""


@dataclass(frozen=True)
class RetryPolicy:
    """When to try again, and when to stop.

    Attributes:
        attempts: limit of consecutive trips that end in a passing fault. Rate limits do not count: the deadline ends
            those.
        first_sleep_s: upper bound of the first random sleep; it doubles with each consecutive fault.
        cap_s: longest single sleep. If a server asks for more, the call ends.
        total_s: deadline of the whole call: attempts, sleeps and re-asks together.
        attempt_s: longest single trip.
    """

    attempts: int = 6
    first_sleep_s: float = 1.0
    cap_s: float = 60.0
    total_s: float = 600.0
    attempt_s: float = 120.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.first_sleep_s, self.cap_s, self.total_s, self.attempt_s) <= 0:
            raise LLMConfigurationError(f"a retry policy needs positive numbers, not {self}")

    @classmethod
    def standard(cls, *, local: bool, timeout_s: float | None = None, attempts: int | None = None) -> RetryPolicy:
        """The policy for a server.

        Args:
            local: whether the server is on this machine, where a model may write a few tokens a second.
            timeout_s: how long to wait for one answer, if the user says so.
            attempts: how many trips in a row may fail, if not as many as usual.
        """
        attempt_s = timeout_s or (LOCAL_ATTEMPT_S if local else cls.attempt_s)
        # time for a second attempt, and for the sleep before it
        return cls(
            attempts=attempts or cls.attempts, attempt_s=attempt_s, total_s=max(cls.total_s, 2 * attempt_s + cls.cap_s)
        )

    def decide(self, fault: Fault, row: int, remaining_s: float, dice: random.Random) -> Retry | GiveUp:
        """Decide what to do after a fault.

        Args:
            fault: the last one.
            row: its number among consecutive faults, from 1.
            remaining_s: seconds to the deadline.
            dice: spreads the sleeps.
        """
        if not fault.passing:
            return GiveUp(fault.detail)
        if fault.kind is not FaultKind.RATE_LIMITED and row >= self.attempts:
            return GiveUp(f"{row} attempts in a row failed; the last one: {fault.detail}")
        if fault.retry_after_s is not None and fault.retry_after_s > self.cap_s:
            asked = f"the server asks to wait {fault.retry_after_s:g} s, more than the cap of {self.cap_s:g} s"
            return GiveUp(f"{asked}: {fault.detail}")
        sleep_s = self._sleep(fault, row, dice)
        if sleep_s >= remaining_s:
            return GiveUp(f"the deadline of {self.total_s:g} s is reached; the last fault: {fault.detail}")
        return Retry(sleep_s)

    def _sleep(self, fault: Fault, row: int, dice: random.Random) -> float:
        bound = min(self.cap_s, self.first_sleep_s * 2.0 ** min(row - 1, 30))
        if fault.retry_after_s is not None:
            # never earlier than the server asks, and spread so that several callers do not return together
            return min(self.cap_s, fault.retry_after_s + dice.uniform(0, min(bound, fault.retry_after_s / 4)))
        return dice.uniform(bound / 2, bound)
