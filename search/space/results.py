"""The result of a trial."""

from dataclasses import dataclass, field

from tracking.kinds import TrialState


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How a trial ended, with its scores.

    Attributes:
        trial: Its number.
        state: How it ended.
        accuracies: Holdout accuracy in [0, 1] after each reported rung, in order.
        error: Why the trial failed; None if it did not.
    """

    trial: int
    state: TrialState
    accuracies: tuple[float, ...] = field(default=())
    error: str | None = None

    @property
    def accuracy(self) -> float | None:
        """Holdout accuracy at the last rung that was reached; None if the trial failed before its first."""
        return self.accuracies[-1] if self.accuracies else None
