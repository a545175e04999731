"""Which events count: a run may be interrupted and resumed, extended after its end, and its winner may change."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from tracking.events import Event, payloads_of
from tracking.payloads import Extended, Resumed, Rung, RunStarted, TrialStarted, Winner


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


def rungs_by_trial(events: Sequence[Event]) -> Mapping[int, Sequence[Rung]]:
    """The rungs of each trial since it last began; an interrupted one begins again."""
    found: defaultdict[int, list[Rung]] = defaultdict(list)
    for event in events:
        match event.payload:
            case TrialStarted() as started:
                found[started.trial].clear()
            case Rung() as rung:
                found[rung.trial].append(rung)
    return dict(found)


def worked_seconds(events: Sequence[Event], until: datetime) -> float:
    """Seconds from the first event of each session of the run to its last, the present one's being `until`, summed:
    pauses do not count."""
    total, begun = 0.0, events[0].time
    for before, event in pairwise(events):
        if isinstance(event.payload, Resumed):
            total += (before.time - begun).total_seconds()
            begun = event.time
    return total + (until - begun).total_seconds()
