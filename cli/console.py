"""The one place that prints."""

import json
import sys
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table


@cache
def console() -> Console:
    """The console for results."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH)


@cache
def error_console() -> Console:
    """The console for errors."""
    return Console(stderr=True, highlight=False)


def say(text: str, *, style: str | None = None) -> None:
    """Print one line as it is: nothing in it is read as markup."""
    console().print(escape(text), style=style, soft_wrap=True)


def say_json(value: Any) -> None:
    """Print one JSON value on one line, for programs; it is never coloured or wrapped."""
    sys.stdout.write(json.dumps(value) + "\n")


def show_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, text: Collection[str] = (), winner: int = -1
) -> None:
    """Print a table.

    A table that is too wide is turned on its side, one column per row, in as many pieces as needed.

    Args:
        title: above the table.
        columns: their headings.
        rows: a cell per column.
        text: the columns that hold text. All others hold numbers, right-aligned and never broken.
        winner: index of the row that is highlighted; -1 for none.
    """
    widths = [_least_width(index, column, rows, column in text) for index, column in enumerate(columns)]
    if sum(width + 3 for width in widths) > console().width and rows:
        _show_sideways(title, columns, rows, winner)
        return
    natural = [max(len(column), *(len(row[index]) for row in rows), 0) for index, column in enumerate(columns)]
    tight = sum(width + 3 for width in natural) > console().width
    made = _table(title)
    for column, width in zip(columns, widths, strict=True):
        if column in text:
            made.add_column(column, overflow="fold", min_width=width)
        else:
            made.add_column(column, justify="right", min_width=width, max_width=width if tight else None)
    for number, row in enumerate(rows):
        made.add_row(*map(escape, row), style="bold green" if number == winner else None)
    console().print(made)


def _least_width(index: int, column: str, rows: Sequence[Sequence[str]], is_text: bool) -> int:
    longest = max((len(row[index]) for row in rows), default=0)
    word = max(map(len, column.split()))
    if not is_text:
        return max(word, longest)
    whole = max((len(part) for row in rows for part in row[index].split()), default=0)
    return max(word, min(WORDY, longest), min(WHOLE, whole))


def _show_sideways(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], winner: int) -> None:
    heading = max(map(len, columns))
    fits = max(1, (console().width - heading - 2) // (SIDEWAYS + 2))
    for start in range(0, len(rows), fits):
        piece = rows[start : start + fits]
        made = _table(title if start == 0 else f"{title} (continued)")
        made.show_header = False
        made.add_column(min_width=heading)
        for number in range(start, start + len(piece)):
            style = "bold green" if number == winner else None
            made.add_column(justify="right", overflow="fold", min_width=SIDEWAYS, max_width=SIDEWAYS, style=style)
        for index, column in enumerate(columns):
            made.add_row(escape(column), *(escape(row[index]) for row in piece))
        console().print(made)


def _table(title: str) -> Table:
    return Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1)
    )


LOG_WIDTH = 120
"""Width without a terminal: a log can be scrolled."""
SIDEWAYS = 28
"""Width of a value in a table that is turned on its side."""
WORDY = 12
"""Columns of text have at least this width, and share the rest of the line."""
WHOLE = 26
"""Words up to this length are not broken: names of layers stay whole."""
