"""The clock of every ledger, and the text format of its times."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current time in UTC, the default clock of every ledger."""
    return datetime.now(UTC)


def format_time(moment: datetime) -> str:
    """Write a time as ISO 8601 in UTC, always with six decimals, so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Parse what `format_time` wrote.

    Raises:
        ValueError: The text is not ISO 8601, or names no time zone.
    """
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError(f"the time {text!r} has no zone, such as the Z of UTC")
    return parsed
