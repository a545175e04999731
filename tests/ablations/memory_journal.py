"""A journal that nothing outlives, for a preparation outside of a study."""

from ablations.floor.journal import Facts, Journal


class MemoryJournal(Journal):
    """It writes nothing."""

    def _write(self, key: str, facts: Facts) -> None:
        """Write nothing."""
