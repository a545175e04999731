"""What a study tells: a question, answers in words, tables, plots and sections. Written as files by `report_files`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ablations.floor.table import Table

Draw = Callable[[Path], tuple[tuple[str, Path], ...]]
"""Draws plots into a folder, and returns the caption and the file of each."""


def draw_nothing(_: Path) -> tuple[tuple[str, Path], ...]:
    """Draw no plot."""
    return ()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: paragraphs below a heading, all plain text."""

    heading: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Extras:
    """What a study adds to what all studies have.

    Attributes:
        tables: Between the cells and the conditions.
        draw: Draws its plots.
        sections: Between the answers and the tables.
        answers: Sentences that answer what it asks beyond its `questions`.
        long_tables: Keys of tables, also of those that all studies have, for the page alone; see `Report`.
    """

    tables: tuple[Table, ...] = ()
    draw: Draw = draw_nothing
    sections: tuple[Section, ...] = ()
    answers: tuple[str, ...] = ()
    long_tables: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Report:
    """All of it.

    Attributes:
        question: What the study asks.
        about: One line on what it is made from.
        tables: In the order of the page.
        draw: Draws the plots.
        answers: One sentence for each question of the study.
        sections: Between the answers and the tables.
        long_tables: Keys of tables that the page shows only when they are opened, and a screen not at all.
        folded: Keys of columns that are moved into the title of a table if they hold one value.
        made_with: Software and hardware, in lines for each session that differs; the page and the PDF end with them.
    """

    question: str
    about: str
    tables: tuple[Table, ...]
    draw: Draw = draw_nothing
    answers: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    long_tables: frozenset[str] = frozenset()
    folded: tuple[str, ...] = ()
    made_with: tuple[tuple[str, ...], ...] = ()

    @property
    def short_tables(self) -> tuple[Table, ...]:
        """The tables for a screen."""
        return tuple(table for table in self.tables if table.key not in self.long_tables)
