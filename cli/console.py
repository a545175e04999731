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
    """Where results go."""
    return Console(highlight=False)


@cache
def error_console() -> Console:
    """Where errors go."""
    return Console(stderr=True, highlight=False)


def say(text: str, *, style: str | None = None) -> None:
    """One line, as it is: nothing in it is read as markup."""
    console().print(escape(text), style=style, soft_wrap=True)


def say_json(value: Any) -> None:
    """One JSON value on one line, for programs; never coloured or wrapped."""
    sys.stdout.write(json.dumps(value) + "\n")


def show_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, text: Collection[str] = (), winner: int = -1
) -> None:
    """A table. Columns hold numbers, right-aligned and never broken, unless named in `text`; one row may stand out."""
    made = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1)
    )
    for index, column in enumerate(columns):
        longest = max((len(row[index]) for row in rows), default=0)
        word = max(map(len, column.split()))
        if column in text:
            whole = max((len(part) for row in rows for part in row[index].split()), default=0)
            made.add_column(column, overflow="fold", min_width=max(word, min(WORDY, longest), min(WHOLE, whole)))
        else:
            made.add_column(column, justify="right", min_width=max(word, longest))
    for number, row in enumerate(rows):
        made.add_row(*map(escape, row), style="bold green" if number == winner else None)
    console().print(made)


WORDY = 12
"""Columns of text keep at least this width; the rest of the line is theirs to share."""
WHOLE = 26
"""Words up to this length are not broken: layers' names are read whole."""
