"""A study's tables on a screen."""

from collections.abc import Sequence

from ablations.floor.table import Table
from cli.console import say, show_table

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


def show_study(tables: Sequence[Table]) -> None:
    """Print a study's tables, without the columns that a screen has no room for."""
    for table in tables:
        show_whole(table.without(*SCREEN_LEAVES_OUT).folded("model", "dataset", "target_macs"))


def show_whole(table: Table) -> None:
    """Print every column of a table, and its notes."""
    headings = table.headings()
    numbers = {index for row in table.rows for index, value in enumerate(row) if not isinstance(value, str)}
    text = [heading for index, heading in enumerate(headings) if index not in numbers]
    show_table(table.title, headings, table.shown(), text=text)
    for note in table.notes:
        say(f"  {note}")
