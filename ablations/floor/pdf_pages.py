"""The pages of a PDF, filled from top to bottom: paragraphs, tables and pictures, none of them cut."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.lines import Line2D

from ablations.floor.drawing import DPI, GRID, INK
from ablations.floor.pdf_columns import PADDING, Part
from ablations.floor.pdf_text import FAMILY, LEADING, wrapped

WIDTH, HEIGHT, MARGIN = 842.0, 595.0, 40.0
"""A4, landscape, in points."""
INNER = WIDTH - 2 * MARGIN
_SOFT = "#627d98"
_FOOT = 22.0
_ABOVE, _BETWEEN, _CAPTION = 14.0, 18.0, 8.0
"""Space above and between pictures, and the size of their captions."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """A picture, whose pixels are as large as it was drawn."""

    caption: str
    pixels: np.ndarray

    @classmethod
    def read(cls, caption: str, path: Path) -> "_Picture":
        return cls(caption, imread(path))

    @property
    def is_narrow(self) -> bool:
        """Whether two of them stand beside each other, a tenth smaller than drawn at most."""
        return self.size(INNER)[0] * 0.9 <= (INNER - _BETWEEN) / 2

    def size(self, most: float) -> tuple[float, float]:
        """Return width and height on the page: as drawn, or smaller."""
        tall, wide = self.pixels.shape[:2]
        scale = min(72 / DPI, most / wide, (HEIGHT - 2 * MARGIN - 40) / tall)
        return wide * scale, tall * scale


class Pages:
    """The pages. `y` is how far the current one is filled, from the top.

    Args:
        file: Takes the pages.
        foot: The text at the foot of each page, beside its number.
    """

    def __init__(self, file: PdfPages, foot: str) -> None:
        self._file, self._foot = file, foot
        self._figure: Figure | None = None
        self._number = 0
        self.y = MARGIN

    @property
    def left(self) -> float:
        """How much of the current page is free."""
        return HEIGHT - MARGIN - self.y if self._figure is not None else 0.0

    @property
    def is_fresh(self) -> bool:
        """Whether nothing stands on the current page yet."""
        return self.y == MARGIN

    def need(self, height: float) -> None:
        """Turn the page if so much is not free on it."""
        if self.left < height:
            self.turn()

    def turn(self) -> None:
        """Begin the next page."""
        self.close()
        self._figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72), facecolor="white")
        self._number += 1
        self.y = MARGIN
        self._put(self._foot, MARGIN, HEIGHT - _FOOT, 7, _SOFT)
        self._put(str(self._number), WIDTH - MARGIN, HEIGHT - _FOOT, 7, _SOFT, align="right")

    def close(self) -> None:
        """Write the current page."""
        if self._figure is not None:
            self._file.savefig(self._figure)
            self._figure = None

    def text(
        self, text: str, size: float = 9.0, *, bold: bool = False, soft: bool = False, before: float = 0.0,
        mark: str = "", keep: float = 0.0,
    ) -> None:  # fmt: skip
        """Set a paragraph.

        Args:
            text: Plain text.
            size: Of the type.
            bold: Whether it is bold.
            soft: Whether it is grey.
            before: Space above it.
            mark: Stands before its first line; all lines are indented.
            keep: Space below it that is to be on the same page.
        """
        indent = 12.0 if mark else 0.0
        lines = wrapped(text, size, INNER - indent, bold=bold)
        self.need(before + size * LEADING * min(len(lines), 2) + keep)
        self.y += 0 if self.is_fresh else before
        for number, line in enumerate(lines):
            self.need(size * LEADING)
            self.y += size * LEADING
            colour = _SOFT if soft else INK
            if mark and number == 0:
                self._put(mark, MARGIN, self.y, size, colour)
            self._put(line, MARGIN + indent, self.y, size, colour, bold=bold)

    def rows_height(self, headings: Sequence[str], rows: Sequence[Sequence[str]], part: Part) -> float:
        """Return how high a part of a table is."""
        lines = [self._cells(headings, part, bold=True), *(self._cells(row, part) for row in rows)]
        return sum(self._height(cells, part) for cells in lines)

    def rows(self, headings: Sequence[str], rows: Sequence[Sequence[str]], part: Part, right: frozenset[int]) -> None:
        """Set a part of a table; its headings stand again on each page.

        Args:
            headings: Of all columns.
            rows: The cells of all columns.
            part: Which columns, and how wide.
            right: The columns that are aligned to the right.
        """
        head = self._cells(headings, part, bold=True)
        self.need(self._height(head, part) * 3)
        self._row(head, part, right, bold=True)
        for row in rows:
            cells = self._cells(row, part)
            for piece in self._pieces(cells, part, self._height(head, part)):
                if self.left < self._height(piece, part):
                    self.turn()
                    self._row(head, part, right, bold=True)
                self._row(piece, part, right)

    def pictures(self, pictures: Sequence[tuple[str, Path]]) -> None:
        """Set pictures with their captions, two beside each other where both are narrow enough."""
        waiting: list[_Picture] = []
        for caption, path in pictures:
            picture = _Picture.read(caption, path)
            if waiting and not (picture.is_narrow and waiting[0].is_narrow and len(waiting) == 1):
                self._side_by_side(waiting)
                waiting = []
            waiting.append(picture)
        if waiting:
            self._side_by_side(waiting)

    def _side_by_side(self, pictures: Sequence["_Picture"]) -> None:
        most = (INNER - _BETWEEN * (len(pictures) - 1)) / len(pictures)
        sizes = [picture.size(most) for picture in pictures]
        captions = [wrapped(picture.caption, _CAPTION, most) for picture in pictures]
        high = max(height for _, height in sizes)
        self.need(_ABOVE + high + max(map(len, captions)) * _CAPTION * LEADING)
        assert self._figure is not None, "a page has begun"
        self.y += 0 if self.is_fresh else _ABOVE
        for number, (picture, (width, height), lines) in enumerate(zip(pictures, sizes, captions, strict=True)):
            x = MARGIN + number * (most + _BETWEEN)
            axes = self._figure.add_axes(
                (x / WIDTH, 1 - (self.y + height) / HEIGHT, width / WIDTH, height / HEIGHT)
            )  # fmt: skip
            axes.imshow(picture.pixels, aspect="auto", interpolation="none")
            axes.set_axis_off()
            for below, line in enumerate(lines, start=1):
                self._put(line, x, self.y + high + below * _CAPTION * LEADING, _CAPTION, _SOFT)
        self.y += high + (max(map(len, captions)) + 0.5) * _CAPTION * LEADING

    @staticmethod
    def _cells(texts: Sequence[str], part: Part, *, bold: bool = False) -> list[list[str]]:
        return [
            wrapped(texts[at], part.size, width, bold=bold) for at, width in zip(part.columns, part.widths, strict=True)
        ]

    @staticmethod
    def _height(cells: Sequence[Sequence[str]], part: Part) -> float:
        return max(map(len, cells)) * part.size * LEADING + 5

    @staticmethod
    def _pieces(cells: list[list[str]], part: Part, head: float) -> Iterator[list[list[str]]]:
        """A row in pieces that each fit on a page."""
        most = max(1, int((HEIGHT - 2 * MARGIN - head - 5) / (part.size * LEADING)))
        for start in range(0, max(map(len, cells)), most):
            yield [lines[start : start + most] for lines in cells]

    def _row(self, cells: Sequence[Sequence[str]], part: Part, right: frozenset[int], *, bold: bool = False) -> None:
        x = MARGIN
        for at, width, lines in zip(part.columns, part.widths, cells, strict=True):
            for number, line in enumerate(lines, start=1):
                y = self.y + number * part.size * LEADING
                edge = x + width if at in right else x
                align = "right" if at in right else "left"
                self._put(line, edge, y, part.size, _SOFT if bold else INK, bold=bold, align=align)
            x += width + PADDING
        self.y += self._height(cells, part)
        self._rule(x - PADDING)

    def _rule(self, end: float) -> None:
        assert self._figure is not None, "a page has begun"
        y = 1 - self.y / HEIGHT
        self._figure.add_artist(Line2D([MARGIN / WIDTH, end / WIDTH], [y, y], color=GRID, lw=0.6))

    def _put(
        self, text: str, x: float, y: float, size: float, colour: str, *, bold: bool = False, align: str = "left"
    ) -> None:
        """Set one line, by its baseline; a dollar sign in it is a dollar sign."""
        assert self._figure is not None, "a page has begun"
        self._figure.text(
            x / WIDTH, 1 - y / HEIGHT, text, fontsize=size, color=colour, ha=align, va="baseline",
            family=FAMILY, weight="bold" if bold else "normal", parse_math=False,
        )  # fmt: skip


@contextmanager
def pages(path: Path, title: str) -> Iterator[Pages]:
    """Open a PDF; its last page is written when the block ends."""
    about = {"Title": title, "Creator": "Espalier", "CreationDate": None}
    with PdfPages(path, metadata=about) as file:
        opened = Pages(file, title)
        yield opened
        opened.close()
