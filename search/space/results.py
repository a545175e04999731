"""What a trial gave."""

from dataclasses import dataclass, field

from tracking.kinds import TrialState


@dataclass(frozen=True, slots=True)
class TrialResult:
    """The end of one trial.

    Attributes:
        accuracies: holdout accuracy in [0, 1] after each rung that was reported, in order.
        error: what stopped a failed trial; None otherwise.
    """

    trial: int
    state: TrialState
    accuracies: tuple[float, ...] = field(default=())
    error: str | None = None

    @property
    def accuracy(self) -> float | None:
        """Holdout accuracy at the last rung reached; None if the trial failed before its first."""
        return self.accuracies[-1] if self.accuracies else None
