"""When an arm asks its model again. Pure bookkeeping: no thread, no client, no prompt and no clock."""

from dataclasses import dataclass, field
from typing import NamedTuple

from tracking.kinds import Course

PATIENCE = 3
"""Calls in a row without one usable strategy after which the arm gives up. It is never replaced by another."""


class Moment(NamedTuple):
    """A point of the search, given by what has been decided and not by the clock.

    Attributes:
        trial: number of the next trial.
        course: the master's course.
    """

    trial: int
    course: Course


BEGINNING = Moment(0, Course.EXPLOIT)
"""Before the common start, when nothing has been tried."""


@dataclass(slots=True)
class Schedule:
    """Answers whether a call is due and what it may show, from what was received and handed out so far.

    Strategies are received in calls and handed out one by one, in the same order. The hand-out of strategy n, counted
    from 1, is *place* n, and the beginning of the search is place 0. Each call belongs to one place and shows what was
    known at the moment of that place. The place follows from the strategies received alone: hand-outs during a call do
    not move it. A replay therefore asks the same however its trials were scheduled.

    The facts may come from a running search or from its ledger. A ledger may hold a call's answer before the hand-out
    of the call's place, because the answer is recorded by another thread; this does not change the place either.

    Attributes:
        ahead: a call belongs to the place at which this many received strategies have not been handed out.
        trials: how many trials the search may propose; None if no end is known.
        calls: calls that came to an end, usable or not.
        stuck: why asking again would not help, as the predicate of a sentence about the model; None while it may.
    """

    ahead: int
    trials: int | None = None
    calls: int = 0
    stuck: str | None = None
    _received: int = 0
    _first_open_place: int = 0
    _missed_in_a_row: int = 0
    _moments: list[Moment] = field(default_factory=lambda: [BEGINNING])

    @property
    def place(self) -> int:
        """The place of the call that is under way, or else of the next one; it may not have been reached yet."""
        place = self._place_ahead()
        return self._received if self._suffices(place) else place

    def due(self, *, starved: bool = False) -> Moment | None:
        """The moment of the next call if it is due.

        Args:
            starved: a strategy is wanted, and each one received has been handed out. Strategies that were turned back
                have become no trials, so more may be needed than there are trials.
        """
        if self.stuck is not None:
            return None
        if self._suffices(self._place_ahead()) and not starved:
            return None
        return self._moments[self.place] if self.place < len(self._moments) else None

    def hand_out(self, moment: Moment) -> None:
        """The next strategy was handed out at this moment, whether it became a trial or was turned back."""
        self._moments.append(moment)

    def receive(self, strategies: int) -> None:
        """A call gave so many usable strategies, at least one."""
        # At the same place the model would be asked the same once more.
        self._first_open_place = self.place + 1
        self._received += strategies
        self._missed_in_a_row = 0
        self.calls += 1

    def miss(self, reason: str) -> None:
        """A call gave no usable strategy: it is asked again at the same place, up to the limit of patience."""
        self._missed_in_a_row += 1
        self.calls += 1
        if self._missed_in_a_row >= PATIENCE:
            self.stuck = f"gave no usable strategy in {self._missed_in_a_row} calls (last: {reason})"

    def give_up(self, reason: str) -> None:
        """No further call can succeed."""
        self.stuck = f"cannot be asked ({reason})"

    def forgive(self) -> None:
        """A new session has begun: what made earlier calls fail may have been mended since."""
        self._missed_in_a_row, self.stuck = 0, None

    def _place_ahead(self) -> int:
        return max(self._first_open_place, self._received - self.ahead)

    def _suffices(self, place: int) -> bool:
        """Whether the strategies received are enough for the trials left, as seen from a place that was reached."""
        if self.trials is None or place >= len(self._moments):
            return False
        next_trial = self._moments[place].trial + 1  # also at the beginning: trial 0 is the common start
        return next_trial + self._received - place >= self.trials
