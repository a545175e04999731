"""The verbs `compare` and `sync`: what MLflow holds, and bringing it up to a ledger."""

from collections.abc import Sequence
from pathlib import Path

from ablations.export import to_csv, to_json, to_latex
from ablations.published import llm_selection
from ablations.registry import study
from ablations.study_files import write_study
from ablations.table import Table
from cli.console import say, show_table
from search.errors import ConfigError
from tracking.mirror.query import read_runs
from tracking.mirror.sync import sync
from tracking.runs import RunDirs, default_uri

SCREEN_LEAVES_OUT = (
    "run_ids",
    "input_tokens",
    "output_tokens",
    "dataset",
    "baseline_accuracy",
    "baseline_macs",
    "cost_usd",
)
"""Columns of the files that a screen has no room for."""


def show_comparison(
    run_ids: Sequence[str],
    tracking_uri: str | None,
    experiments: Sequence[str],
    csv: Path | None,
    latex: Path | None,
    out: Path | None,
    *,
    as_json: bool,
) -> int:
    """Print and write the comparison of these runs, or of all; returns the exit code."""
    uri = tracking_uri or default_uri(Path("runs"))
    runs = read_runs(uri, experiments=experiments, run_ids=run_ids)
    if not runs:
        raise ConfigError(f"MLflow at {uri} holds no runs of Espalier yet: make one with `python launch.py search`.")
    asked = study("comparison")
    tables = asked.tables(runs)
    for path, render in ((csv, to_csv), (latex, to_latex)):
        if path is not None:
            _write(path, render(tables[0]))
    page = None if out is None else write_study(asked, runs, out)
    if as_json:
        say(to_json(tables).rstrip())
        return 0
    show_tables(tables)
    if any("llm" in str(cell) for made in tables for row in made.rows for cell in row):
        _show(llm_selection())
    say(f"{len(runs)} runs, read from {uri}")
    if page is not None:
        say(f"page     {page}")
    return 0


def show_tables(tables: Sequence[Table]) -> None:
    """Print what a screen has room for of a study's tables."""
    for made in tables:
        _show(made.without(*SCREEN_LEAVES_OUT).folded("model", "dataset", "target_macs"))


def run_sync(asked: str, runs: Path, tracking_uri: str | None, experiment: str) -> int:
    """Write into MLflow what it lacks of a run; returns the exit code."""
    folder = RunDirs(runs).resolve(asked)
    state = sync(folder, tracking_uri or default_uri(runs), experiment)
    say(f"MLflow at {state.tracking_uri} holds {folder.run_id} up to its event {state.synced_seq} (run {state.run_id})")
    return 0


def _show(made: Table) -> None:
    headings = made.headings()
    numbers = {index for row in made.rows for index, value in enumerate(row) if not isinstance(value, str)}
    text = [heading for index, heading in enumerate(headings) if index not in numbers]
    show_table(made.title, headings, made.shown(), text=text)
    for note in made.notes:
        say(f"  {note}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"The table cannot be written to {str(path)!r}: {error.strerror}.") from None
    say(f"written: {path}")
