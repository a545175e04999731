"""Writes a report as one PDF, from the same values as the page: title, sentences, tables and plots."""

from collections.abc import Sequence
from pathlib import Path

from ablations.floor.pdf_columns import SIZES, parts
from ablations.floor.pdf_pages import INNER, Pages, pages
from ablations.floor.report import Report
from ablations.floor.table import Table
from ground.files import replaced

MOST_ROWS = 400
"""Of one table: more are in its CSV file, which the page names."""
MOST_KEPT = 300.0
"""A table that is no higher than so many points stands on one page."""


def write_pdf(report: Report, plots: Sequence[tuple[str, Path]], path: Path) -> None:
    """Write the PDF; it appears whole.

    Args:
        report: What is written.
        plots: Caption and file of each plot.
        path: The PDF.
    """
    with replaced(path) as draft, pages(draft, report.question) as out:
        out.text(report.question, 17, bold=True)
        out.text(report.about, soft=True, before=4)
        if report.answers:
            out.text("Answers", 12, bold=True, before=14, keep=30)
            for answer in report.answers:
                out.text(answer, before=3, mark="•")
        for section in report.sections:
            out.text(section.heading, 12, bold=True, before=14, keep=30)
            for paragraph in section.paragraphs:
                out.text(paragraph, before=3)
        short = [table for table in report.tables if table.key not in report.long_tables]
        for table in short:
            _table(out, table.folded(*report.folded))
        out.pictures(plots)
        for table in report.tables:
            if table.key in report.long_tables:
                _table(out, table.folded(*report.folded))
        _made_with(out, report)


def _made_with(out: Pages, report: Report) -> None:
    if report.made_with:
        out.text("Made with", 12, bold=True, before=14, keep=30)
    for session in report.made_with:
        for line in session:
            out.text(line, 8, before=3, mark="•")


def _table(out: Pages, table: Table) -> None:
    title, *more = table.title.split("\n")
    shown = table.shown()[:MOST_ROWS]
    right = frozenset(range(len(table.columns))) - _texts(table)
    divided = parts(table.headings(), shown, INNER, _named(table))
    whole = sum(out.rows_height(table.headings(), shown, part) for part in divided)
    if whole < MOST_KEPT:
        out.need(whole + 60)
    out.text(title, 11, bold=True, before=16, keep=60)
    for line in more:
        out.text(line, 8, soft=True, before=2, keep=50)
    out.y += 4
    for part in divided:
        out.rows(table.headings(), shown, part, right)
        out.y += 6
    left = len(table.rows) - len(shown)
    notes = (*([f"{left} more rows are in {table.key}.csv."] if left else []), *table.notes)
    for note in notes:
        out.text(note, SIZES[0], soft=True, before=2)


def _texts(table: Table) -> frozenset[int]:
    return frozenset(index for row in table.rows for index, value in enumerate(row) if isinstance(value, str))


def _named(table: Table) -> int:
    """How many columns at the beginning are text."""
    texts = _texts(table)
    return next((index for index in range(len(table.columns)) if index not in texts), len(table.columns))
