"""A value with its 95 % interval."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % interval [low, high]; None where there is no bound on that side."""

    value: float
    low: float | None
    high: float | None

    def holds(self, truth: float) -> bool:
        """Return whether a number lies in the interval."""
        return (self.low is None or self.low <= truth) and (self.high is None or truth <= self.high)

    @property
    def fields(self) -> tuple[float, float | None, float | None]:
        """Value, low and high, as three columns of a table."""
        return self.value, self.low, self.high
