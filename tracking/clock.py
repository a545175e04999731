"""The clock of every ledger, and how its moments are written."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The clock of every ledger."""
    return datetime.now(UTC)


def time_text(moment: datetime) -> str:
    """ISO 8601 in UTC, always with six decimals, so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """The inverse of :func:`time_text`; raises ValueError for a time without a zone."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError(f"the time {text!r} has no zone")
    return parsed
