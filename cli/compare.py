"""The verb `compare`: runs side by side, read back from MLflow."""

from os import environ
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import say, say_document
from cli.option_types import JsonTablesOption, TrackingUriOption
from ground.counting import counted
from search.errors import ConfigError
from tracking.mirror.query import read_runs, read_studies
from tracking.stores import EXPERIMENT_VARIABLE, destination_of_new

if TYPE_CHECKING:
    from ablations.floor.table import Table


def command(
    run_ids: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Run ids; default: all.")] = None,
    runs_folder: Annotated[Path, typer.Option("--runs", help="Folder of the run folders.")] = Path("runs"),
    tracking_uri: TrackingUriOption = None,
    experiment: Annotated[
        list[str] | None,
        typer.Option(help="MLflow experiment; may be repeated. Default: MLFLOW_EXPERIMENT_NAME, or all."),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write the table here.")] = None,
    latex: Annotated[Path | None, typer.Option(help="Also write the table here.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write a page, plots and all tables into this folder.")] = None,
    as_json: JsonTablesOption = False,
) -> None:
    """Compare arms on equal terms: same model, dataset and target."""
    # scipy and matplotlib take a second to import.
    from ablations.floor.export import to_csv, to_json, to_latex
    from ablations.published import llm_selection
    from ablations.registry import study
    from ablations.studies_table import studies_table
    from ablations.study_files import write_study
    from cli.tables import show_study, show_whole

    destination = destination_of_new(tracking_uri, None, runs_folder)
    named = environ.get(EXPERIMENT_VARIABLE)
    experiments = experiment or ([named] if named else [])
    runs = read_runs(destination.uri, experiments=experiments, run_ids=run_ids or [])
    studies = () if run_ids else read_studies(destination.uri, experiments=experiments)
    if studies and not runs:
        _show_studies(studies_table(studies), as_json=as_json)
        return
    if not runs:
        raise ConfigError(
            f"MLflow at {destination.shown_uri} holds no runs of Espalier yet: make one with `python launch.py search`."
        )
    comparison = study("comparison")
    tables = comparison.tables(runs)
    for path, render in ((csv, to_csv), (latex, to_latex)):
        if path is not None:
            _write(path, render(tables[0]))
    page = None if out is None else write_study(comparison, runs, out)
    if studies:
        tables = (*tables, studies_table(studies))
    if as_json:
        say_document(to_json(tables))
        return
    for answer in comparison.answers(runs):
        say(answer)
    show_study(tables)
    if any("llm" in str(cell) for table in tables for row in table.rows for cell in row):
        show_whole(llm_selection())
    say(f"{counted(len(runs), 'run')}, read from {destination.shown_uri}")
    if page is not None:
        say(f"page     {page}")


def _show_studies(table: "Table", *, as_json: bool) -> None:
    """Show the studies of a store that holds no search."""
    from ablations.floor.export import to_json
    from cli.tables import show_whole

    if as_json:
        say_document(to_json([table]))
    else:
        show_whole(table)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"The table cannot be written to {str(path)!r}: {error.strerror}.") from None
    say(f"written: {path}")
