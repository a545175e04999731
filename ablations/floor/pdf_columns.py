"""How wide the columns of a table are on a page, and which of them go onto a part of their own. Lengths are points."""

from collections.abc import Sequence
from dataclasses import dataclass

from ablations.floor.pdf_text import longest_word, width

PADDING = 8.0
"""Between two columns."""
SIZES = (8.0, 7.0, 6.0)
"""Of the type; the first at which all columns fit without cells that are long and narrow."""
_MOST_REPEATED = 3
_MOST_LINES = 4.0
"""Of a cell, about, before smaller type is taken."""
_LONGEST_WORD = 110.0
"""A word of a cell that is longer may be broken."""


@dataclass(frozen=True, slots=True)
class Part:
    """The columns of a table that stand side by side.

    Attributes:
        columns: Their indices.
        widths: Of each, without padding.
        size: Of the type.
    """

    columns: tuple[int, ...]
    widths: tuple[float, ...]
    size: float


def parts(headings: Sequence[str], rows: Sequence[Sequence[str]], most: float, named: int) -> list[Part]:
    """Divide a table into parts that fit between the margins; one part wherever that can be.

    Args:
        headings: Of the columns.
        rows: The cells.
        most: The width between the margins.
        named: How many columns at the beginning say what a row is; every part repeats them.
    """
    everything = tuple(range(len(headings)))
    fitted = [found for size in SIZES if (found := _fitted(headings, rows, everything, size, most)) is not None]
    if fitted:
        return [next((part for part in fitted if _lines(rows, part) <= _MOST_LINES), fitted[-1])]
    size, repeated = SIZES[-1], everything[: min(named, _MOST_REPEATED)]
    made: list[Part] = []
    waiting = list(everything[len(repeated) :])
    while waiting:
        count = len(waiting)
        while (found := _fitted(headings, rows, (*repeated, *waiting[:count]), size, most, force=count == 1)) is None:
            count -= 1
        made.append(found)
        waiting = waiting[count:]
    return made


def _fitted(
    headings: Sequence[str], rows: Sequence[Sequence[str]], columns: tuple[int, ...], size: float, most: float,
    *, force: bool = False,
) -> Part | None:  # fmt: skip
    """The columns at their widths, if they fit: as wide as their text, or the widest of them narrower."""
    free = most - PADDING * len(columns)
    wanted = [_wanted(headings[at], [row[at] for row in rows], size) for at in columns]
    least = [_least(headings[at], [row[at] for row in rows], size) for at in columns]
    if sum(least) > free:
        if not force:
            return None
        least = [free / len(columns)] * len(columns)
    return Part(columns, tuple(_shared(wanted, least, free)), size)


def _lines(rows: Sequence[Sequence[str]], part: Part) -> float:
    """How many lines the longest cell takes, about."""
    columns = zip(part.columns, part.widths, strict=True)
    return max((width(row[at], part.size) / wide for at, wide in columns for row in rows), default=1.0)


def _wanted(heading: str, cells: Sequence[str], size: float) -> float:
    return max(width(heading, size, bold=True), *(width(cell, size) for cell in cells), 1.0)


def _least(heading: str, cells: Sequence[str], size: float) -> float:
    words = max((longest_word(cell, size) for cell in cells), default=0.0)
    return max(longest_word(heading, size, bold=True), min(words, _LONGEST_WORD), 1.0)


def _shared(wanted: Sequence[float], least: Sequence[float], free: float) -> list[float]:
    """Widths between the least and the wanted ones, whose sum is at most `free`: the same limit for all."""
    if sum(wanted) <= free:
        return list(wanted)
    low, high = 0.0, max(wanted)
    for _ in range(40):
        limit = (low + high) / 2
        total = sum(max(short, min(long, limit)) for short, long in zip(least, wanted, strict=True))
        low, high = (limit, high) if total <= free else (low, limit)
    return [max(short, min(long, low)) for short, long in zip(least, wanted, strict=True)]
