"""Which events count in an extended run: whose fine-tune, whose scores; and how long a run worked."""

from datetime import timedelta

from search.outcome.summary import summarise
from tests.tracking import samples
from tracking.events import Event
from tracking.kinds import RunStatus
from tracking.payloads import (
    Evaluated,
    Extended,
    FinetuneEnded,
    Interrupted,
    Payload,
    Resumed,
    RunEnded,
    RunStarted,
    Winner,
)
from tracking.phases import asked_trials, since_extension, since_winner, worked_seconds


def winner(trial: int) -> Winner:
    return Winner(trial=trial, strategy=samples.STRATEGY, allocation=(4, 16), macs=998, params=50, proxy_accuracy=0.9)


EXTENSION: tuple[Payload, ...] = (Resumed(from_seq=1), Extended(added=4))


def kinds(payloads: tuple[Payload, ...]) -> list[type[Payload]]:
    return [type(event.payload) for event in since_winner(samples.numbered(payloads))]


def test_without_an_extension_everything_after_the_winner_belongs_to_it() -> None:
    whole = samples.whole_run()
    assert kinds(whole)[-1] is RunEnded
    assert FinetuneEnded in kinds(whole)
    assert len(since_extension(samples.numbered(whole))) == len(whole)
    assert since_winner(samples.numbered(whole[:3])) == ()


def test_the_same_winner_named_again_keeps_its_fine_tune() -> None:
    extended = (*samples.whole_run(), *EXTENSION, winner(0))
    assert FinetuneEnded in kinds(extended)
    assert Evaluated in kinds(extended)


def test_another_winner_has_none_yet() -> None:
    extended = (*samples.whole_run(), *EXTENSION, winner(1))
    assert kinds(extended) == []
    assert [type(event.payload) for event in since_extension(samples.numbered(extended))] == [Winner]


def test_the_summary_never_shows_the_former_winners_accuracy() -> None:
    whole = samples.whole_run()
    assert summarise(samples.numbered(whole)).winner.accuracy == 0.95  # type: ignore[union-attr]
    ended = RunEnded(status=RunStatus.INTERRUPTED, error=None, wall_s=1.0)
    summary = summarise(samples.numbered((*whole, *EXTENSION, winner(1), ended)))
    assert summary.winner is not None
    assert summary.winner.trial == 1
    assert (summary.winner.accuracy, summary.winner.latency_ms) == (None, None)
    assert summary.baseline is not None
    assert summary.baseline.accuracy == 0.98


def test_trials_add_up() -> None:
    begun = samples.run_started("r1")
    assert isinstance(begun, RunStarted)
    begun = begun.model_copy(update={"config": {"trials": 6}})
    assert asked_trials(samples.numbered((begun,))) == 6
    assert asked_trials(samples.numbered((begun, *EXTENSION, *EXTENSION))) == 14


def test_a_clock_that_was_set_back_takes_no_time_away() -> None:
    """An hour back within a session, and a day back between two: what was worked before still counts."""
    times = (0, 10, 10 - 3600, 20 - 3600, -86400, 5 - 86400)
    payloads = (samples.run_started(), *[Interrupted(reason="x")] * 3, Resumed(from_seq=4), Interrupted(reason="y"))
    events = [
        Event(seq, samples.START + timedelta(seconds=moment), payload)
        for seq, (moment, payload) in enumerate(zip(times, payloads, strict=True), start=1)
    ]
    assert worked_seconds(events, events[-1].time - timedelta(hours=2)) == 10 + 10 + 5
