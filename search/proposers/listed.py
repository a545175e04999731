"""What the arms share that have a list of ideas and no more to learn."""

from abc import abstractmethod

from search.proposers.base import Proposer
from search.space.history import History
from search.space.strategy import Proposal


class ListedProposer(Proposer):
    """Hands out a fixed list of proposals in order, one a ticket, and says so when it is at the end.

    It never repeats itself to fill a budget of trials: a run with fewer trials says what the arm is worth, one with
    repetitions pretends to more.
    """

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self._exhausted = False

    @abstractmethod
    def count(self) -> int:
        """How many different proposals there are."""

    @abstractmethod
    def nth(self, index: int) -> Proposal:
        """Proposal number `index`, from 0."""

    def propose(self, ticket: int, history: History) -> Proposal | None:
        if ticket > self.count():
            self._exhausted = True
            return None
        return self.nth(ticket - 1)

    def problem(self) -> str | None:
        if not self._exhausted:
            return None
        return f"{self.name} has nothing new to propose: each of its {self.count()} strategies was handed out"
