"""What a study prepared before its first measurement, entry by entry: a step that is in it is not done again."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from tracking.events import Event, payloads_of
from tracking.ledger import Ledger
from tracking.study_payloads import Prepared

Facts = Mapping[str, Any]


class Journal(ABC):
    """Entries by key, each written once. Any thread may use it."""

    def __init__(self, entries: Mapping[str, Facts] = MappingProxyType({})) -> None:
        """Take up what was prepared before."""
        self._entries = dict(entries)
        self._lock = threading.Lock()

    def recall(self, key: str) -> Facts | None:
        """Return the entry of a key; None if there is none."""
        with self._lock:
            return self._entries.get(key)

    def entries(self) -> Mapping[str, Facts]:
        """Return all entries, in the order in which they were written."""
        with self._lock:
            return dict(self._entries)

    def record(self, key: str, facts: Facts) -> None:
        """Write an entry; it is on the disk when this returns.

        Args:
            key: Of a step, such as `component/skip/attempt/1`.
            facts: Values of JSON.

        Raises:
            ValueError: The key has an entry.
            TrackingError: It cannot be written.
        """
        with self._lock:
            if key in self._entries:
                raise ValueError(f"the journal has an entry of {key!r}: a step is done once")
            self._write(key, facts)
            self._entries[key] = dict(facts)

    @abstractmethod
    def _write(self, key: str, facts: Facts) -> None:
        """Write an entry to the disk."""


class LedgerJournal(Journal):
    """A journal in the ledger of its study."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(prepared_in(ledger.events))
        self._ledger = ledger

    def _write(self, key: str, facts: Facts) -> None:
        self._ledger.record(Prepared(key=key, facts=dict(facts)))


def prepared_in(events: Iterable[Event]) -> Mapping[str, Facts]:
    """Return the entries that a ledger holds."""
    return {entry.key: entry.facts for entry in payloads_of(events, Prepared)}
