"""One line of a ledger: a payload in its envelope of number and time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from tracking.kinds import EventKind
from tracking.payloads import Payload

_P = TypeVar("_P", bound=Payload)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a ledger.

    Attributes:
        seq: Number of its line in the ledger, from 1.
        time: When it was written, in UTC, to the microsecond.
        payload: What happened; its class determines the kind.
    """

    seq: int
    time: datetime
    payload: Payload

    @property
    def kind(self) -> EventKind:
        """The kind of the payload."""
        return self.payload.kind


def payloads_of(events: Iterable[Event], kind: type[_P]) -> tuple[_P, ...]:
    """Return the payloads of one class, in the order of the ledger."""
    return tuple(event.payload for event in events if isinstance(event.payload, kind))
