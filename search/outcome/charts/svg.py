"""A picture as SVG for a page: marks in pixels, with the page's colours, each with what it says when it is hovered."""

from collections.abc import Sequence
from html import escape

Point = tuple[float, float]


class Canvas:
    """Collects marks. Text is escaped here and nowhere else, because names and ideas come from outside.

    The classes of marks are defined by the stylesheet of the page.
    """

    def __init__(self, width: float, height: float, label: str) -> None:
        """Begin with nothing drawn.

        Args:
            width: in pixels of the drawing, which a page scales down to fit.
            height: likewise.
            label: what is seen, for whoever does not see it.
        """
        self.width, self.height, self._label = width, height, label
        self._marks: list[str] = []

    def line(self, start: Point, end: Point, css: str, title: str = "") -> None:
        """Draw a straight line."""
        self._add(
            f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" class="{css}"', title
        )

    def path(self, points: Sequence[Point], css: str, title: str = "", colour: str = "") -> None:
        """Draw lines from point to point.

        Args:
            points: at least one.
            css: class of the mark.
            title: what it says when it is hovered.
            colour: instead of that of its class.
        """
        through = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        style = f' style="stroke:{colour}"' if colour else ""
        self._add(f'<polyline points="{through}" class="{css}"{style}', title)

    def dot(self, at: Point, css: str, title: str = "", radius: float = 4) -> None:
        """Draw a circle."""
        self._add(f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:g}" class="{css}"', title)

    def square(self, at: Point, css: str, title: str = "", side: float = 10) -> None:
        """Draw a square around a point."""
        self.bar((at[0] - side / 2, at[1] - side / 2), side, side, css, title)

    def bar(self, corner: Point, width: float, height: float, css: str, title: str = "") -> None:
        """Draw a rectangle from its upper left corner."""
        x, y = corner
        self._add(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height:.1f}" class="{css}"', title
        )

    def text(self, at: Point, words: str, css: str = "", title: str = "") -> None:
        """Write words; the class `end` or `mid` says which part of them is at the point."""
        shown = f"<title>{escape(title)}</title>{escape(words)}" if title else escape(words)
        self._marks.append(f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" class="{css}">{shown}</text>')

    def turned(self, at: Point, words: str, title: str = "") -> None:
        """Write words that end at a point and come to it from below left."""
        x, y = at
        self._marks.append(
            f'<text x="{x:.1f}" y="{y:.1f}" class="end" transform="rotate(-40 {x:.1f} {y:.1f})">'
            f"<title>{escape(title)}</title>{escape(words)}</text>"
        )

    def render(self) -> str:
        """Return the picture, as it stands in a page."""
        inside = "".join(self._marks)
        return (
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" role="img" aria-label="{escape(self._label)}" '
            f'style="max-width:{self.width * 1.25:g}px">{inside}</svg>'
        )

    def _add(self, start: str, title: str) -> None:
        self._marks.append(
            f"{start}><title>{escape(title)}</title></{start[1:].split()[0]}>" if title else f"{start}/>"
        )
