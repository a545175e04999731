"""One score of a trial."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RungScore:
    """One score of a trial.

    Attributes:
        rung: counted from 0.
        epochs: trained so far.
        accuracy: top-1 on the holdout, 0…1.
        loss: mean cross-entropy on the holdout, in nats.
    """

    rung: int
    epochs: int
    accuracy: float
    loss: float
