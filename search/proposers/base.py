"""The one interface of every arm."""

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
    """Proposes strategies and learns from what came of them.

    `propose` runs inside Tune's event loop: it returns at once, and None means "not yet". A classical arm is a function
    of its space, the ticket and `history.readable()`, so that it repeats itself however the trials were scheduled.
    """

    name: str
    reads_sensitivity: ClassVar[bool] = False
    """Whether it is worth measuring, before the first proposal, what each set hurts when it alone is cut."""

    steerable: ClassVar[bool] = False
    """Whether its proposals follow `course`; the master does not watch one that would not listen."""

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self.course = Course.EXPLOIT

    def begin(self) -> None:  # noqa: B027  only who asks elsewhere has to
        """The search is about to start: whoever needs time to think may begin to."""

    def awaited(self) -> bool:
        """Whether the first trial should wait for this proposer's first answer.

        Tune gives a free actor the next trial sooner than it finishes starting another one. Where trials are shorter
        than an actor's start, a worker that has nothing to do at first would never come to work.
        """
        return False

    @abstractmethod
    def propose(self, ticket: int, history: History) -> Proposal | None:
        """The strategy for the next trial, number `len(history)`, or None while it is not ready.

        `ticket` counts the proposals asked for, from 1 (0 is the common start): it goes on when a proposal was turned
        back as a repetition or a miss, while the trial number does not.
        """

    def steer(self, course: Course) -> None:
        """Take the master's course for the proposals to come. One without a neighbourhood to leave may ignore it."""
        self.course = course

    def problem(self) -> str | None:
        """Why this proposer will never answer again, in a sentence for the user; None while it may.

        An arm that has only so many different strategies says so here once `propose` has answered None for want of
        another: the search then ends in order, with the trials that it has.
        """
        return None

    def failure(self) -> Exception | None:
        """What makes the whole search void, to be raised once the running trials have ended; None while it stands."""
        return None

    def restore(self, history: History, events: Sequence[Event]) -> None:  # noqa: B027  most arms keep no more
        """Take up an interrupted search: `history` holds its trials, `events` are all that it wrote down."""

    def close(self) -> None:  # noqa: B027  most arms own no thread and no socket
        """Give back threads and sockets; called once, also after a fault."""


def uniform_start(space: SearchSpace) -> Proposal:
    """The configuration that every arm starts from: one ratio for all sets, which projection puts on budget.

    The ratio asked for is exact for a network whose MACs are quadratic in its width.
    """
    ratio = (space.budget.target_macs / space.profile.baseline_macs) ** 0.5
    strategy = Strategy(tuple(ratio for _ in space.profile.sets), space.criteria[0], space.round_to)
    return Proposal(strategy, COMMON_START, "uniform: the same share of every set, the common start of all arms")
