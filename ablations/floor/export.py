"""Converts tables to text: CSV and JSON in base units, Markdown and LaTeX with the units of the columns."""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence

from ablations.floor.statistics import Estimate
from ablations.floor.table import Number, Scaled, Table, Value

_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        "–": "--",
        "−": "$-$",
        "×": r"$\times$",
    }
)


def to_csv(table: Table) -> str:
    """Return a table as CSV, with one line per row, in base units.

    An estimate takes four fields: its mean, `_low`, `_high` and `_n`. A missing value is an empty field. The notes are
    left out, because CSV has no place for them.
    """
    rows = [[_base(value) for value in row] for row in table.rows]
    spread = [any(isinstance(row[index], Estimate) for row in rows) for index in range(len(table.columns))]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        name
        for column, wide in zip(table.columns, spread, strict=True)
        for name in (
            [column.key, f"{column.key}_low", f"{column.key}_high", f"{column.key}_n"] if wide else [column.key]
        )
    )
    for row in rows:
        writer.writerow(
            _plain(field) for value, wide in zip(row, spread, strict=True) for field in _fields(value, wide)
        )
    return text.getvalue()


def to_json(tables: Sequence[Table]) -> str:
    """Return all tables as JSON with their titles and notes; values in base units, null if missing."""
    return json.dumps({"tables": [_document(table) for table in tables]}, indent=2, ensure_ascii=False) + "\n"


def to_markdown(table: Table) -> str:
    """Return a table in Markdown, with its title above and its notes below."""
    align = ("---" if _is_text(table, index) else "---:" for index in range(len(table.columns)))
    lines = [
        f"**{_markdown(table.title)}**",
        "",
        _markdown_row(table.headings()),
        f"|{'|'.join(align)}|",
        *(_markdown_row(row) for row in table.shown()),
    ]
    return "\n".join([*lines, *(f"\n{_markdown(note)}" for note in table.notes)]) + "\n"


def to_latex(table: Table) -> str:
    """Return a table as a LaTeX `table` environment for the booktabs package, with the notes below."""
    align = "".join("l" if _is_text(table, index) else "r" for index in range(len(table.columns)))
    lines = [
        r"\begin{table}",
        rf"\caption{{{_latex(table.title)}}}",
        rf"\begin{{tabular}}{{{align}}}",
        r"\toprule",
        " & ".join(_latex(heading) for heading in table.headings()) + r" \\",
        r"\midrule",
        *(" & ".join(_latex(text) for text in row) + r" \\" for row in table.shown()),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\footnotesize {_latex(note)}" for note in table.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _base(value: Value) -> str | Number:
    return value.value if isinstance(value, Scaled) else value


def _fields(value: str | Number, wide: bool) -> Iterator[str | int | float | None]:
    if isinstance(value, Estimate):
        yield from (value.mean, value.low, value.high, value.n)
    else:
        yield value
        yield from (None, None, None) if wide else ()


def _plain(field: str | int | float | None) -> str | int | float:
    """Quote text that a spreadsheet would execute as a formula, because model names come from outside."""
    if field is None:
        return ""
    if isinstance(field, str) and field[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return "'" + field
    return field


def _document(table: Table) -> dict[str, object]:
    return {
        "key": table.key,
        "title": table.title,
        "columns": [{"key": column.key, "title": column.title} for column in table.columns],
        "rows": [
            {column.key: _json(_base(value)) for column, value in zip(table.columns, row, strict=True)}
            for row in table.rows
        ],
        "notes": list(table.notes),
    }


def _json(value: str | Number) -> object:
    if isinstance(value, Estimate):
        return {"mean": value.mean, "low": value.low, "high": value.high, "n": value.n}
    return value


def _is_text(table: Table, index: int) -> bool:
    return any(isinstance(row[index], str) for row in table.rows)


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_markdown(cell) for cell in cells)} |"


def _markdown(text: str) -> str:
    """Escape what Markdown or the HTML in it would obey, because names come from outside."""
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", " ".join(text.split()))


def _latex(text: str) -> str:
    return text.translate(_LATEX)
