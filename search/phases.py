"""Which events count for what is still to be done: a run may be extended after its end, and its winner may change."""

from collections.abc import Sequence

from tracking.events import Event
from tracking.payloads import Extended, RunStarted, Winner, payloads_of


def asked_trials(events: Sequence[Event]) -> int:
    """How many trials the run is to have, its extensions included."""
    begun = int(payloads_of(events, RunStarted)[0].config["trials"])
    return begun + sum(extension.added for extension in payloads_of(events, Extended))


def since_extension(events: Sequence[Event]) -> Sequence[Event]:
    """The events after the last extension; all of a run that was not extended."""
    last = max((event.seq for event in events if isinstance(event.payload, Extended)), default=0)
    return events[last:]


def since_winner(events: Sequence[Event]) -> Sequence[Event]:
    """The events after the present winner was first named; none where there is no winner.

    An extended search names its winner again. As long as that is the same trial, its fine-tune and its scores stand.
    """
    named = [(event.seq, event.payload.trial) for event in events if isinstance(event.payload, Winner)]
    if not named:
        return ()
    present, first = named[-1][1], named[-1][0]
    for seq, trial in reversed(named):
        if trial != present:
            break
        first = seq
    return events[first:]
