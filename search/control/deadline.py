"""How long a trial may take before it is given up."""

from collections.abc import Sequence
from dataclasses import dataclass

GENEROUS = 10
"""Times the slowest trial so far: trials of one search differ by their widths, never tenfold."""
LEAST_S = 120.0
"""Never less, so that a busy machine is not taken for a hung trial."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The rule by which a trial is given up.

    Attributes:
        given_s: seconds that the user allows; None derives them from the trials that have finished.
    """

    given_s: float | None = None

    def seconds(self, finished_s: Sequence[float]) -> float | None:
        """Return how many seconds a running trial may take, from its start; None while there is nothing to go by."""
        if self.given_s is not None:
            return self.given_s
        return max(LEAST_S, GENEROUS * max(finished_s)) if finished_s else None

    def describe(self, taken_s: float) -> str:
        """Say why a trial was given up."""
        if self.given_s is not None:
            rule = f"--trial-timeout {self.given_s:g}"
        else:
            rule = f"{GENEROUS} times the slowest trial; --trial-timeout sets another"
        return f"no end after {taken_s:.0f} s, over its deadline ({rule}): its actor was killed"
