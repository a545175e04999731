"""The one place that prints: nothing in a text makes a terminal obey, and no fault of a stream ends a run."""

import json
import re
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import IO, Any, cast

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from cli.called import as_called
from cli.plain import one_line, plain
from cli.screen import Screen
from cli.wrapping import breaks


class PlainConsole(Console):
    """A console that shows control characters of a text as escapes; only rich's own reach the terminal."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of what is to be printed, each made harmless."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(plain(segment.text), segment.style)


@cache
def console() -> Console:
    """The console for results."""
    screen = Screen("stdout")
    return PlainConsole(file=cast(IO[str], screen), highlight=False, width=None if screen.isatty() else LOG_WIDTH)


@cache
def error_console() -> Console:
    """The console for errors."""
    return PlainConsole(file=cast(IO[str], Screen("stderr")), highlight=False)


def say(text: str, *, style: str | None = None, pasted: bool = False) -> None:
    """Print one line as it is: nothing in it is read as markup.

    Args:
        text: the line.
        style: of all of it.
        pasted: whether it ends in a command to be pasted, which is not broken into lines.
    """
    _print_line(console(), Text(_shown(text), style=style or ""), whole=pasted)


def say_aside(text: str) -> None:
    """Print one line that is not a result, on standard error."""
    _print_line(error_console(), Text(_shown(text), style="dim"))


def say_error(label: str, text: str) -> None:
    """Print one paragraph on standard error, behind a label."""
    _print_line(error_console(), Text.assemble((label, "bold red"), " ", _shown(text)))


def say_note(text: str) -> None:
    """Print one line that belongs to an error."""
    _print_line(error_console(), Text(_shown(text)))


def say_document(text: str) -> None:
    """Print a text of several lines, for programs or by them; it is never coloured or wrapped."""
    Screen("stdout").write(plain(text).rstrip() + "\n")


def say_trace(text: str) -> None:
    """Print a traceback on standard error."""
    Screen("stderr").write(plain(text))


def _shown(text: str) -> str:
    return as_called(one_line(text))


def _print_line(on: Console, text: Text, *, whole: bool = False) -> None:
    """Print a line; on a terminal that is narrower it is broken between words, unless it is a command to be pasted."""
    on.print(text if whole or _PASTED.match(text.plain) else between_words(text, on), soft_wrap=True)


def between_words(text: Text, on: Console) -> Text:
    """Return a line as it is printed: broken between words on a terminal that is narrower."""
    if not on.is_terminal:
        return text
    pieces = text.divide(breaks(text.plain, on.width))
    for piece in pieces[:-1]:
        piece.rstrip()
    return Text("\n").join(pieces)


def say_json(value: Any) -> None:
    """Print one JSON value on one line, for programs; it is never coloured or wrapped."""
    # JSON leaves one control character as it is.
    say_document(json.dumps(value).replace("\x7f", "\\u007f"))


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
    columns = [one_line(column) for column in columns]
    text = {one_line(column) for column in text}
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [_least_width(index, column, rows, column in text) for index, column in enumerate(columns)]
    if sum(width + 3 for width in widths) > console().width and rows:
        _show_sideways(title, columns, rows, winner)
        return
    natural = [max(len(column), *(len(row[index]) for row in rows), 0) for index, column in enumerate(columns)]
    tight = sum(width + 3 for width in natural) > console().width
    made = _table(title)
    for column, width in zip(columns, widths, strict=True):
        if column in text:
            made.add_column(Text(column), overflow="fold", min_width=width)
        else:
            made.add_column(Text(column), justify="right", min_width=width, max_width=width if tight else None)
    for number, row in enumerate(rows):
        made.add_row(*map(Text, row), style="bold green" if number == winner else None)
    console().print(made)


def _least_width(index: int, column: str, rows: Sequence[Sequence[str]], is_text: bool) -> int:
    longest = max((len(row[index]) for row in rows), default=0)
    word = max(map(len, column.split()), default=0)
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
            made.add_row(Text(column), *(Text(row[index]) for row in piece))
        console().print(made)


def _table(title: str) -> Table:
    """A table below its title, which is a line of its own: as part of the table it would be cut to its width."""
    _print_line(console(), Text(one_line(title), style="bold"))
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))


_PASTED = re.compile(r"  \S")
"""A line that two spaces begin."""
LOG_WIDTH = 120
"""Width without a terminal: a log can be scrolled."""
SIDEWAYS = 28
"""Width of a value in a table that is turned on its side."""
WORDY = 12
"""Columns of text have at least this width, and share the rest of the line."""
WHOLE = 26
"""Words up to this length are not broken: names of layers stay whole."""
