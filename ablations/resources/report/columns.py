"""What the tables of the study share: values with their intervals, and shares in percent."""

from ablations.floor.statistics import Estimate
from ablations.floor.table import Column
from ablations.resources.statistics.interval import Interval


def shown(interval: Interval | None, count: int) -> Estimate | None:
    """Return a value with its interval, as tables show it."""
    return None if interval is None else Estimate(interval.value, interval.low, interval.high, count)


def percent(key: str, title: str, digits: int) -> Column:
    """Return a column of shares."""
    return Column(key, title, "%", 100.0, digits)
