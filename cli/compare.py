"""The verb `compare`: runs side by side, read back from MLflow."""

from pathlib import Path
from typing import Annotated

import typer

from cli.console import say, say_document
from cli.option_types import JsonTablesOption, TrackingUriOption
from search.errors import ConfigError
from tracking.mirror.query import read_runs
from tracking.runs import default_uri


def command(
    run_ids: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Run ids; default: all.")] = None,
    tracking_uri: TrackingUriOption = None,
    experiment: Annotated[list[str] | None, typer.Option(help="MLflow experiment; may be repeated.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write the table here.")] = None,
    latex: Annotated[Path | None, typer.Option(help="Also write the table here.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write a page, plots and all tables into this folder.")] = None,
    as_json: JsonTablesOption = False,
) -> None:
    """Compare arms on equal terms: same model, dataset and target."""
    # scipy and matplotlib take a second to import.
    from ablations.export import to_csv, to_json, to_latex
    from ablations.published import llm_selection
    from ablations.registry import study
    from ablations.study_files import write_study
    from cli.tables import show_study, show_whole

    uri = tracking_uri or default_uri(Path("runs"))
    runs = read_runs(uri, experiments=experiment or [], run_ids=run_ids or [])
    if not runs:
        raise ConfigError(f"MLflow at {uri} holds no runs of Espalier yet: make one with `python launch.py search`.")
    comparison = study("comparison")
    tables = comparison.tables(runs)
    for path, render in ((csv, to_csv), (latex, to_latex)):
        if path is not None:
            _write(path, render(tables[0]))
    page = None if out is None else write_study(comparison, runs, out)
    if as_json:
        say_document(to_json(tables))
        return
    show_study(tables)
    if any("llm" in str(cell) for table in tables for row in table.rows for cell in row):
        show_whole(llm_selection())
    say(f"{len(runs)} runs, read from {uri}")
    if page is not None:
        say(f"page     {page}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"The table cannot be written to {str(path)!r}: {error.strerror}.") from None
    say(f"written: {path}")
