"""Text on a page: how wide it is, and how it is broken into lines. All lengths are points, 1/72 inch."""

import functools

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import LoadFlags

FAMILY = "DejaVu Sans"
LEADING = 1.35
"""Distance of two lines, in sizes of the type."""


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a text: that of its widest line."""
    return max(sum(_advance(char, bold) for char in line) for line in text.split("\n")) * size


def wrapped(text: str, size: float, most: float, *, bold: bool = False) -> list[str]:
    """Break a text into lines: at spaces, and within a word only if it is too long for a line of its own."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines += _wrapped(paragraph.split(), size, most, bold) or [""]
    return lines


def _wrapped(words: list[str], size: float, most: float, bold: bool) -> list[str]:
    lines: list[str] = []
    line = ""
    for word in words:
        joined = f"{line} {word}" if line else word
        if width(joined, size, bold=bold) <= most:
            line = joined
            continue
        if line:
            lines.append(line)
        *whole, line = _pieces(word, size, most, bold)
        lines += whole
    return [*lines, line] if line else lines


def _pieces(word: str, size: float, most: float, bold: bool) -> list[str]:
    """A word in pieces that each fit; behind a separator where there is one."""
    pieces = []
    while word and width(word, size, bold=bold) > most:
        end = 1
        while end < len(word) and width(word[: end + 1], size, bold=bold) <= most:
            end += 1
        cut = max((word.rfind(mark, 1, end) + 1 for mark in "_./:-,="), default=0)
        end = cut if cut > end // 2 else end
        pieces.append(word[:end])
        word = word[end:]
    return [*pieces, word]


def longest_word(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of the longest word."""
    return max((width(word, size, bold=bold) for word in text.split()), default=0.0)


@functools.cache
def _advance(char: str, bold: bool) -> float:
    """The width of a character at size 1."""
    font = get_font(findfont(FontProperties(family=FAMILY, weight="bold" if bold else "normal")))
    font.set_size(_EM, 72)
    glyph = font.load_glyph(font.get_char_index(ord(char)), flags=LoadFlags.NO_HINTING)  # 0 stands for what it lacks
    return float(glyph.linearHoriAdvance) / 65536 / _EM


_EM = 100.0
