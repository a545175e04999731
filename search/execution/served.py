"""What Tune's loop asks of whoever decides: a search, or a study. Knows nothing of Ray."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

REPORT = "report"
"""Where a result of Tune's holds the report of an actor."""
ID_DIGITS = 12
"""As much of an actor's id as the ledger tells."""
TaskConfig = Mapping[str, Any]
"""What an actor must know of its task, as plain values."""


class Turn(NamedTuple):
    """What a free worker gets: a task, or nothing yet, or nothing ever again."""

    config: TaskConfig | None
    over: bool


class Served(Protocol):
    """Decides what actors do, and takes their reports. Every method is called from one thread: Tune's loop."""

    @property
    def interrupted(self) -> bool:
        """Whether nothing more is to be begun, and what runs is to be given up."""

    def take(self) -> Turn:
        """Decide what to run now; never blocks."""

    def report(self, report: Any) -> bool:
        """Take a report; return whether its task must stop."""

    def lost(self, config: TaskConfig) -> None:
        """Hear that a task ended, of which nothing more will come; one that ended in order is known already."""

    def overdue(self, config: TaskConfig, taken_s: float) -> bool:
        """Return whether the actor of a task that runs for so long is to be killed: true once for each task."""
