"""The interface of every arm."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from search.space.history import History
from search.space.search_space import SearchSpace
from search.space.strategy import Proposal, Strategy
from tracking.events import Event
from tracking.kinds import Course
from tracking.totals import COMMON_START


class Proposer(ABC):
    """Proposes strategies and learns from their results.

    `propose` runs inside Tune's event loop, so it returns at once; None means "not yet". A classical arm is a function
    of its space, the ticket and `history.readable()`, so that its proposals do not depend on how trials are scheduled.

    Attributes:
        name: of the arm, by which users choose it.
        space: what may be chosen.
        course: the master's present course.
    """

    name: str
    reads_sensitivity: ClassVar[bool] = False
    """Whether the arm uses the accuracy lost when one set alone is cut, which is then measured before it starts."""

    steerable: ClassVar[bool] = False
    """Whether its proposals depend on `course`. The master does not assess the search of an arm that ignores it."""

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self.course = Course.EXPLOIT

    def begin(self) -> None:  # noqa: B027  only an arm that asks elsewhere needs it
        """Start work that takes time: the search is about to begin."""

    def awaited(self) -> bool:
        """Whether the first trial should wait for this proposer's first answer.

        Tune gives the next trial to a free actor before it has started another one. Where trials are shorter than the
        start of an actor, a worker without a trial at first would never get one.
        """
        return False

    @abstractmethod
    def propose(self, ticket: int, history: History) -> Proposal | None:
        """The strategy for the next trial, number `len(history)`.

        Args:
            ticket: number of this request for a proposal, from 1 (0 is the common start). It goes on after a proposal
                that was turned back as a repetition or a miss, while the trial number does not.
            history: the trials so far.

        Returns:
            The proposal; None while none is ready.
        """

    def steer(self, course: Course) -> None:
        """Follow the master's course from the next proposal on. An arm that refines no best trial may ignore it."""
        self.course = course

    def problem(self) -> str | None:
        """Why this proposer will never propose again, as a sentence for the user; None while it may.

        An arm with a finite list of strategies says so here once `propose` has returned None at its end. The search
        then ends normally, with the trials that it has.
        """
        return None

    def failure(self) -> Exception | None:
        """The error that makes the whole search invalid, to be raised once the running trials have ended; else None."""
        return None

    def restore(self, history: History, events: Sequence[Event]) -> None:  # noqa: B027  most arms have no state
        """Restore the state of an interrupted search.

        Args:
            history: its trials.
            events: all that its ledger holds.
        """

    def close(self) -> None:  # noqa: B027  most arms own no thread and no socket
        """Release threads and sockets; called once, also after an error."""


def uniform_start(space: SearchSpace) -> Proposal:
    """The proposal with which every arm starts: one ratio for all sets, which projection puts on budget.

    The ratio is exact for a network whose MACs are quadratic in its width.
    """
    ratio = (space.budget.target_macs / space.profile.baseline_macs) ** 0.5
    strategy = Strategy(tuple(ratio for _ in space.profile.sets), space.criteria[0], space.round_to)
    return Proposal(strategy, COMMON_START, "uniform: the same share of every set, the common start of all arms")
