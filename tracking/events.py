"""One line of a ledger: a payload, and the envelope that it travels in."""

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
        seq: its place in the ledger, from 1: the number of its line.
        time: when it was written, UTC, to the microsecond.
        payload: what happened; its class says the kind.
    """

    seq: int
    time: datetime
    payload: Payload

    @property
    def kind(self) -> EventKind:
        return self.payload.kind


def payloads_of(events: Iterable[Event], kind: type[_P]) -> tuple[_P, ...]:
    """The payloads of one class, in the ledger's order."""
    return tuple(event.payload for event in events if isinstance(event.payload, kind))
