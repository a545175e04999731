"""Who proposes: the proposer that was asked for, and the one that may take over from it."""

from collections.abc import Sequence

from search.proposers.base import Proposer, uniform_start
from search.space.history import History
from search.space.search_space import SearchSpace
from search.space.strategy import Proposal
from tracking.events import Event
from tracking.kinds import Course


class ActiveArm:
    """The proposer of a search. Its tickets count the proposals that were asked of it, and start anew with another.

    Attributes:
        course: the last that the proposer was given; None before the first.
    """

    def __init__(self, space: SearchSpace, proposer: Proposer, substitute: Proposer | None = None) -> None:
        self._space, self._proposer, self._substitute = space, proposer, substitute
        self._first_ticket = 0
        self.course: Course | None = None

    @property
    def is_steerable(self) -> bool:
        """Whether the proposer follows a course."""
        return self._proposer.steerable

    @property
    def substitute(self) -> str | None:
        """Name of the arm that may take over; None where there is none, or it has."""
        return None if self._substitute is None else self._substitute.name

    @property
    def problem(self) -> str | None:
        """Why the proposer will never answer again; None while it may."""
        return self._proposer.problem()

    def begin(self) -> None:
        """Let the proposer think while the actors are still to be started."""
        self._proposer.begin()

    def propose(self, asked: int, history: History) -> Proposal | None:
        """Ask for the next proposal: for the common start first, which belongs to no proposer.

        Args:
            asked: how many proposals were asked for so far, of all arms.
            history: the trials so far.

        Returns:
            None while the proposer is not ready.
        """
        if asked == 0:
            return None if self._proposer.awaited() else uniform_start(self._space)
        return self._proposer.propose(asked - self._first_ticket, history)

    def steer(self, course: Course) -> None:
        """Give the proposer its course."""
        self.course = course
        self._proposer.steer(course)

    def take_over(self, asked: int) -> None:
        """Let the substitute propose from here on.

        Args:
            asked: how many proposals were asked for so far; the first that is asked of it has ticket 1.
        """
        assert self._substitute is not None, "only an arm that was named takes over"
        self._proposer, self._substitute = self._substitute, None
        self._first_ticket = max(0, asked - 1)
        self.course = None

    def restore(self, history: History, events: Sequence[Event]) -> None:
        """Take up an interrupted search, once its trials are in the history."""
        self._proposer.restore(history, events)
