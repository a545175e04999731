"""What a head can say about itself, and what that means for its gate."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a head stands."""

    ACTIVE = "active"
    OVERLOADED = "overloaded"
    MISALIGNED = "misaligned"
    WITHDRAWN = "withdrawn"


# How much of its output a head in this state contributes, before compensation.
SHARES: Mapping[State, float] = {
    State.ACTIVE: 1.0,
    State.OVERLOADED: 0.5,
    State.MISALIGNED: 0.7,
    State.WITHDRAWN: 0.0,
}


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of a head after some batches.

    Attributes:
        state: how it stands.
        consent: whether it may be used.
        utilisation: moving average of 1 − H / ln T; None before the first batch.
        alignment: moving average of the cosine between its contribution and that of the layer's other heads.
        streak: how many batches in a row have contradicted its consent.
        changed_at: the batch, counted from 1, at which the state last changed; 0 at the start.
    """

    state: State = State.ACTIVE
    consent: bool = True
    utilisation: float | None = None
    alignment: float | None = None
    streak: int = 0
    changed_at: int = 0
