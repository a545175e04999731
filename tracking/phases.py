"""Selects the events that count, for a run may be resumed or extended, and its winner may change."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from llm_clients.kinds import CallOutcome
from tracking.events import Event, payloads_of
from tracking.payloads import Extended, LlmAsked, LlmCall, Resumed, Rung, RunStarted, TrialStarted, Winner


def asked_trials(events: Sequence[Event]) -> int:
    """Return the number of trials that the run was asked for, including its extensions."""
    begun = int(payloads_of(events, RunStarted)[0].config["trials"])
    return begun + sum(extension.added for extension in payloads_of(events, Extended))


def since_extension(events: Sequence[Event]) -> Sequence[Event]:
    """Return the events after the last extension; all events if the run was not extended."""
    last = max((event.seq for event in events if isinstance(event.payload, Extended)), default=0)
    return events[last:]


def since_winner(events: Sequence[Event]) -> Sequence[Event]:
    """Return the events after the current winner was first chosen; none if there is no winner.

    An extended search chooses its winner again. As long as it is the same trial, its fine-tune and its scores remain
    valid.
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


def unsettled_trips(events: Sequence[Event]) -> tuple[LlmAsked, ...]:
    """Return the trips to an LLM of which nobody knows what they used: their process died before the call's end.

    The last trip of a call that an interrupt cancelled is one of them, too.
    """
    pending: dict[int, list[LlmAsked]] = {}
    unsettled: list[LlmAsked] = []
    for event in events:
        match event.payload:
            case LlmAsked() as asked:
                pending.setdefault(asked.call, []).append(asked)
            case LlmCall() as call:
                counted = len(call.trail)
                if call.outcome is CallOutcome.CANCELLED and counted and not call.trail[-1].get("reserved_tokens"):
                    counted -= 1
                unsettled += pending.pop(call.call, [])[counted:]
            case Resumed():
                unsettled += [asked for trips in pending.values() for asked in trips]
                pending.clear()
    return (*unsettled, *(asked for trips in pending.values() for asked in trips))


def rungs_by_trial(events: Sequence[Event]) -> Mapping[int, Sequence[Rung]]:
    """Return the rungs of each trial since its last start; an interrupted trial starts again."""
    found: defaultdict[int, list[Rung]] = defaultdict(list)
    for event in events:
        match event.payload:
            case TrialStarted() as started:
                found[started.trial].clear()
            case Rung() as rung:
                found[rung.trial].append(rung)
    return dict(found)


def worked_seconds(events: Sequence[Event], until: datetime) -> float:
    """Return the working time of a run in seconds, without the pauses between its sessions.

    The times of events are those of the machine's clock, which may be set back: no span between two of them counts as
    less than nothing.

    Args:
        events: The events of the run.
        until: The end of the current session. Every earlier session ends with its last event.
    """
    spans = [after.time - before.time for before, after in pairwise(events) if not isinstance(after.payload, Resumed)]
    worked = sum((max(span, timedelta()) for span in (*spans, until - events[-1].time)), timedelta())
    return worked.total_seconds()
