"""Where a line for a terminal is broken: between words, and never inside a command that is shown in backticks."""

import re

_PIECE = re.compile(r"`[^`]*`\S*|\S+")


def breaks(text: str, width: int) -> list[int]:
    """Return the places at which a line is broken, each just behind a space.

    A word that fits on no line is left for the terminal to break, so that it can still be copied whole.

    Args:
        text: one line.
        width: of the terminal.
    """
    found: list[int] = []
    if len(text) <= width:
        return found
    line_start = 0
    for piece in _PIECE.finditer(text):
        start, end = piece.span()
        if end - line_start > width and start > line_start and end - start <= width:
            found.append(start)
            line_start = start
    return found
