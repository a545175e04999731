"""Writes a report to a folder: tables as CSV, Markdown, LaTeX and JSON, plots, and all of it as HTML and as PDF."""

import base64
import re
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from ablations.floor.errors import AblationError
from ablations.floor.export import to_csv, to_json, to_latex, to_markdown
from ablations.floor.pdf import write_pdf
from ablations.floor.report import Report
from ablations.floor.table import Table
from ground.files import write_whole

PAGE, PDF = "report.html", "report.pdf"
WIDE = 1300
"""Pixels of a plot of several panels; half of the page would make their letters too small."""
LONG = 60
"""Letters of a sentence in a cell."""
_OPTION = re.compile(r"(--[a-z][a-z-]+)")


def write_report(report: Report, folder: Path) -> Path:
    """Write all files of a report; each appears whole.

    Args:
        report: What is written.
        folder: Where the files are written; it is created if it does not exist.

    Returns:
        The path of the HTML page.

    Raises:
        AblationError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for table in report.tables:
            write_whole(folder / f"{table.key}.csv", to_csv(table))
            write_whole(folder / f"{table.key}.tex", to_latex(table))
            write_whole(folder / f"{table.key}.md", to_markdown(table))
        write_whole(folder / "tables.json", to_json(report.tables))
        plots = report.draw(folder)
        page = folder / PAGE
        write_whole(page, _page(report, plots))
        write_pdf(report, plots, folder / PDF)
    except OSError as error:
        raise AblationError(f"The study cannot be written to {str(folder)!r}: {error.strerror}.") from None
    return page


def _page(report: Report, plots: tuple[tuple[str, Path], ...]) -> str:
    environment = Environment(loader=PackageLoader("ablations.floor"), autoescape=True, undefined=StrictUndefined)
    shown = [table.folded(*report.folded) for table in report.tables]
    environment.filters["with_options"] = _with_options
    return environment.get_template("study.html.j2").render(
        report=report,
        tables=[(table, _text_columns(table), _long_columns(table)) for table in shown],
        plots=[_shown(caption, file.read_bytes()) for caption, file in plots],
    )


def _shown(caption: str, image: bytes) -> tuple[str, str, bool]:
    """Return a plot for the page, and whether it needs the whole width for its letters to be read."""
    width = int.from_bytes(image[16:20], "big")  # as the header of a PNG has it
    return caption, base64.b64encode(image).decode(), width > WIDE


def _with_options(text: str) -> Markup:
    """Return a paragraph in which the name of an option is not broken behind its dashes."""
    return Markup(_OPTION.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  it is escaped


def _long_columns(table: Table) -> frozenset[int]:
    """Return the indices of the columns with sentences, which are set small and in several lines."""
    rows = table.shown()
    return frozenset(
        index
        for index, column in enumerate(table.columns)
        if column.key != "run_ids" and any(len(row[index]) > LONG for row in rows)
    )


def _text_columns(table: Table) -> frozenset[int]:
    """Return the indices of the columns with text, which are left-aligned."""
    return frozenset(index for row in table.rows for index, value in enumerate(row) if isinstance(value, str))
