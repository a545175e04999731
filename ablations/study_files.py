"""Writes a study to a folder: tables as CSV, LaTeX and JSON, plots, and one HTML page with all of them."""

import base64
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from ablations.errors import AblationError
from ablations.export import to_csv, to_json, to_latex
from ablations.plots import draw_plots
from ablations.ranking import compare
from ablations.study import Study
from ablations.table import Table
from tracking.mirror.records import RunRecord


def write_study(study: Study, runs: Sequence[RunRecord], folder: Path) -> Path:
    """Write all files of a study.

    Args:
        study: The study.
        runs: The runs that it is about.
        folder: Where the files are written; it is created if it does not exist.

    Returns:
        The path of the HTML page.

    Raises:
        NothingToCompareError: None of the runs can be compared.
        AblationError: The folder cannot be written.
    """
    tables = study.tables(runs)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for table in tables:
            (folder / f"{table.key}.csv").write_text(to_csv(table), encoding="utf-8")
            (folder / f"{table.key}.tex").write_text(to_latex(table), encoding="utf-8")
        (folder / "tables.json").write_text(to_json(tables), encoding="utf-8")
        plots = draw_plots(compare(runs), folder)
        page = folder / "report.html"
        page.write_text(_page(study, tables, plots, runs), encoding="utf-8")
    except OSError as error:
        raise AblationError(f"The study cannot be written to {str(folder)!r}: {error.strerror}.") from None
    return page


def _page(study: Study, tables: Sequence[Table], plots: Sequence[tuple[str, Path]], runs: Sequence[RunRecord]) -> str:
    environment = Environment(loader=PackageLoader("ablations"), autoescape=True, undefined=StrictUndefined)
    shown = [table.folded("model", "dataset", "baseline_macs", "target_macs") for table in tables]
    return environment.get_template("study.html.j2").render(
        question=study.question,
        tables=[(table, _text_columns(table)) for table in shown],
        plots=[(caption, base64.b64encode(file.read_bytes()).decode()) for caption, file in plots],
        runs=sorted(runs, key=lambda run: run.run_id),
    )


def _text_columns(table: Table) -> frozenset[int]:
    """Return the indices of the columns with text, which are left-aligned."""
    return frozenset(index for row in table.rows for index, value in enumerate(row) if isinstance(value, str))
