"""The contract of all trackers; a subclass provides a `tracker` fixture, and sets whether its view is reachable."""

from typing import ClassVar

from tests.tracking.samples import numbered, whole_run
from tracking.tracker import Tracker

EVENTS = numbered(whole_run("contract"))


class TrackerContract:
    """Inherit, override the fixture `tracker`, and set `reaches` to whether its view can be reached."""

    reaches: ClassVar[bool] = True

    def test_a_flush_writes_what_was_fed(self, tracker: Tracker) -> None:
        for event in EVENTS:
            tracker.feed(event)
        state = tracker.flush(60)
        assert state.in_sync is self.reaches
        assert state.synced_seq == (len(EVENTS) if self.reaches else 0)
        assert (state.reason is None) is self.reaches

    def test_nothing_fed_is_nothing_lost(self, tracker: Tracker) -> None:
        assert tracker.flush(1).in_sync
        assert tracker.close(60).synced_seq == 0

    def test_events_fed_again_are_ignored(self, tracker: Tracker) -> None:
        for event in (*EVENTS[:3], *EVENTS[:5], EVENTS[0]):
            tracker.feed(event)
        assert tracker.close(60).synced_seq == (5 if self.reaches else 0)

    def test_closing_flushes_and_can_be_repeated(self, tracker: Tracker) -> None:
        for event in EVENTS[:2]:
            tracker.feed(event)
        first = tracker.close(60)
        assert first.in_sync is self.reaches
        assert tracker.close(60) == first
        assert tracker.flush(1) == first

    def test_feeding_after_the_end_raises_nothing(self, tracker: Tracker) -> None:
        tracker.close(60)
        tracker.feed(EVENTS[0])
