"""The PDF of a report: all that the report says is on its pages, and nothing is cut."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imsave

from ablations.floor import pdf_pages
from ablations.floor.pdf import MOST_ROWS, write_pdf
from ablations.floor.pdf_columns import PADDING, parts
from ablations.floor.pdf_pages import HEIGHT, INNER, MARGIN, WIDTH
from ablations.floor.pdf_text import width, wrapped
from ablations.floor.report import Report, Section, draw_nothing
from ablations.floor.report_files import PDF, write_report
from ablations.floor.table import Column, Table

SENTENCE = (
    "The accuracy without it is worse: −8.5 ± 2.0 % (3 seeds, paired t-test, p = 0.0123 after Holm's correction)."
)


@dataclass(frozen=True)
class Line:
    """What was set on a page."""

    page: int
    text: str
    left: float
    right: float
    y: float


class Sheets:
    """Stands for the file of a PDF: counts the pages."""

    def __init__(self, *_: object, **__: object) -> None:
        self.count = 0

    def __enter__(self) -> "Sheets":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def savefig(self, _: object) -> None:
        self.count += 1


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Line]]:
    """All lines that are set, while no page is drawn."""
    found: list[Line] = []
    put = pdf_pages.Pages._put

    def noted(self: Any, text: str, x: float, y: float, size: float, colour: str, **look: Any) -> None:
        wide = width(text, size, bold=look.get("bold", False))
        left = x - wide if look.get("align") == "right" else x
        found.append(Line(self._number, text, left, left + wide, y))
        put(self, text, x, y, size, colour, **look)

    monkeypatch.setattr(pdf_pages.Pages, "_put", noted)
    monkeypatch.setattr(pdf_pages, "PdfPages", Sheets)
    yield found
    for line in found:
        assert line.left >= MARGIN - 0.01, line
        assert line.right <= WIDTH - MARGIN + 0.5, line
        assert 0 < line.y <= HEIGHT - 20, line


def report(*tables: Table, **more: Any) -> Report:
    return Report("What does each part do?", "4 of 4 conditions measured.", tables, draw_nothing, **more)


def table(rows: int, columns: int, *, key: str = "t", cell: str = "value") -> Table:
    return Table(
        key=key,
        title="A table\nwith a second line",
        columns=(Column("name", "Name"), *(Column(f"c{n}", f"Column_{n}", digits=2) for n in range(columns))),
        rows=tuple((f"row {row} {cell}", *(row + n / 7 for n in range(columns))) for row in range(rows)),
        notes=("A note.",),
    )


def test_a_report_is_there_whole(tmp_path: Path, lines: list[Line]) -> None:
    section = Section("A section", ("A paragraph with $one and $two dollars.",))
    write_pdf(report(table(3, 2), answers=(SENTENCE,), sections=(section,)), (), tmp_path / "r.pdf")
    said = " ".join(line.text for line in lines)
    for words in ("What does each part do?", "4 of 4", "A section", "$one and $two", "row 2 value", "2.14", "A note."):
        assert words in said
    assert all(word in said for word in SENTENCE.split())


def test_a_long_table_goes_on_below_its_headings_and_a_very_long_one_says_what_is_left_out(
    tmp_path: Path, lines: list[Line]
) -> None:
    write_pdf(report(table(MOST_ROWS + 7, 3)), (), tmp_path / "r.pdf")
    pages = {line.page for line in lines}
    assert len(pages) > 10
    with_rows = {line.page for line in lines if line.text.startswith("row ")}
    assert {line.page for line in lines if line.text == "Column_2"} == with_rows
    assert sum(line.text.startswith("row ") for line in lines) == MOST_ROWS
    assert any(line.text == "7 more rows are in t.csv." for line in lines)


def test_a_table_that_is_too_wide_is_divided_and_its_rows_are_named_in_each_part(
    tmp_path: Path, lines: list[Line]
) -> None:
    write_pdf(report(table(2, 40)), (), tmp_path / "r.pdf")
    texts = [line.text for line in lines]
    assert all(any(f"Column_{n}" in text for text in texts) for n in range(40))
    assert texts.count("row 1 value") == texts.count("Name") > 1


def test_a_cell_that_is_longer_than_a_page_and_a_word_that_is_wider_go_on(tmp_path: Path, lines: list[Line]) -> None:
    write_pdf(report(table(1, 1, cell="word " * 4000)), (), tmp_path / "r.pdf")
    assert sum(line.text.split().count("word") for line in lines) == 4000
    lines.clear()
    write_pdf(report(table(1, 1, cell="x" * 2000)), (), tmp_path / "r.pdf")
    assert sum(line.text.count("x") for line in lines) == 2000


def test_a_table_that_fits_on_a_page_is_not_divided_between_two(tmp_path: Path, lines: list[Line]) -> None:
    sizes = (9, 14, 11, 6, 13, 8, 12)
    write_pdf(report(*(table(size, 2, cell=f"of {size}") for size in sizes)), (), tmp_path / "r.pdf")
    pages = {size: {line.page for line in lines if line.text.endswith(f" of {size}")} for size in sizes}
    assert {len(found) for found in pages.values()} == {1}


def test_long_tables_come_last(tmp_path: Path, lines: list[Line]) -> None:
    tables = (table(1, 1, key="long", cell="long"), table(1, 1, key="short", cell="short"))
    write_pdf(report(*tables, long_tables=frozenset({"long"})), (), tmp_path / "r.pdf")
    rows = [line.text for line in lines if line.text.startswith("row ")]
    assert rows == ["row 0 short", "row 0 long"]


def test_two_narrow_pictures_stand_beside_each_other_and_a_wide_one_alone(tmp_path: Path, lines: list[Line]) -> None:
    import numpy as np

    for name, wide in (("a", 600), ("b", 600), ("c", 1400)):
        imsave(tmp_path / f"{name}.png", np.zeros((300, wide, 3)))
    write_pdf(report(), [(f"picture {name}", tmp_path / f"{name}.png") for name in "abc"], tmp_path / "r.pdf")
    first, second, third = (line for line in lines if line.text.startswith("picture"))
    assert first.y == second.y < third.y
    assert first.left == third.left < second.left


def test_columns_are_as_wide_as_their_text_or_together_as_wide_as_the_page() -> None:
    (narrow,) = parts(["a", "b"], [["x", "1"]], INNER, 1)
    assert narrow.size == 8
    assert sum(narrow.widths) < 100
    (wide,) = parts(["a", "b"], [["words " * 100, "words " * 10]], INNER, 1)
    assert sum(wide.widths) + 2 * PADDING == pytest.approx(INNER, abs=0.1)


def test_lines_break_at_spaces_and_no_line_is_too_wide() -> None:
    broken = wrapped("a word and module.submodule.function_name_that_is_long", 8, 90)
    assert "".join(broken).replace(" ", "") == "awordandmodule.submodule.function_name_that_is_long"
    assert max(width(line, 8) for line in broken) <= 90
    assert wrapped("", 8, 90) == [""]


@pytest.mark.pdf
def test_the_file_is_a_pdf_of_so_many_pages_and_the_same_each_time(tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        write_report(report(table(60, 2)), tmp_path / name)
        made.append((tmp_path / name / PDF).read_bytes())
    assert made[0].startswith(b"%PDF-")
    assert made[0].count(b"/Type /Page ") == 3
    assert made[0] == made[1]


def test_a_text_is_as_wide_as_its_widest_line_and_what_the_font_lacks_has_a_width() -> None:
    """Words of tasks and models have line ends and characters of any kind; none may end a report."""
    assert width("ab\nabc", 10) == width("abc", 10)
    assert width("\U0001f600\x07中", 10) > 0
