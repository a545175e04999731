"""Estimate how long the remaining jobs will take."""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

from benchmarks.search.protocol import Kind


class Clock:
    """Estimates the remaining time from finished jobs, per kind: a search takes many times as long as a fine-tune."""

    def __init__(self, to_come: Sequence[Kind], processes: int) -> None:
        self._to_come = Counter(to_come)
        self._processes = processes
        self._taken: dict[Kind, list[float]] = {}

    def done(self, kind: Kind, seconds: float) -> None:
        """Record a finished job."""
        self._to_come[kind] -= 1
        self._taken.setdefault(kind, []).append(seconds)

    def left_s(self) -> float:
        """Seconds left; a kind without a finished job is estimated by the mean of the others."""
        means = {kind: fmean(taken) for kind, taken in self._taken.items()}
        other = fmean(means.values())
        return sum(count * means.get(kind, other) for kind, count in self._to_come.items()) / self._processes
