"""How long the rest will take."""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

from benchmarks.search.protocol import Kind


class Clock:
    """Learns from jobs that are done what those to come will take: a search takes many times a fine-tune."""

    def __init__(self, to_come: Sequence[Kind], processes: int) -> None:
        self._to_come = Counter(to_come)
        self._processes = processes
        self._taken: dict[Kind, list[float]] = {}

    def done(self, kind: Kind, seconds: float) -> None:
        self._to_come[kind] -= 1
        self._taken.setdefault(kind, []).append(seconds)

    def left_s(self) -> float:
        """Seconds; kinds of which none is done yet are taken for the mean of the others."""
        means = {kind: fmean(taken) for kind, taken in self._taken.items()}
        other = fmean(means.values())
        return sum(count * means.get(kind, other) for kind, count in self._to_come.items()) / self._processes
