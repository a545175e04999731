"""Base of the arms that have a fixed list of proposals and do not learn."""

from abc import abstractmethod

from search.proposers.base import Proposer
from search.space.history import History
from search.space.strategy import Proposal


class ListedProposer(Proposer):
    """Hands out a fixed list of proposals in order, one per ticket, and reports when it is at the end.

    It never repeats itself to fill a budget of trials: that would make an arm look like more than its list.
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
        """The proposal with this number; None at the end of the list."""
        if ticket > self.count():
            self._exhausted = True
            return None
        return self.nth(ticket - 1)

    def problem(self) -> str | None:
        """That the list is at its end, once that was noticed."""
        if not self._exhausted:
            return None
        return f"{self.name} has nothing new to propose: each of its {self.count()} strategies was handed out"
