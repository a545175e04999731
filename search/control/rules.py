"""The rules of a session."""

from dataclasses import dataclass, field

from search.control.deadline import Deadline
from search.control.halving import Halving
from search.control.master import Limits


@dataclass(frozen=True, slots=True)
class Rules:
    """How a session plays.

    Attributes:
        limits: when the search is over.
        halving: which trials end at a rung.
        projection: move each proposal onto the budget; without it, one outside the band is turned back (a revision).
        rungs: how many rungs a full trial has.
        deadline: how long a trial may take.
    """

    limits: Limits
    halving: Halving
    projection: bool
    rungs: int
    deadline: Deadline = field(default_factory=Deadline)
