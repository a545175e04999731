"""All tables of what the study found."""

from ablations.floor.table import Table
from ablations.resources.questions.findings import Findings
from ablations.resources.report.answer_tables import (
    arms_table,
    break_even_table,
    comparisons_table,
    efficiency_table,
    levels_table,
)
from ablations.resources.report.long_tables import pass_at_table, results_table, usage_table
from ablations.resources.report.routing_tables import categories_table, routed_table, routing_table

LONG = frozenset({"results", "pass_at_k", "usage", "cells", "tasks"})
"""Tables for the page alone."""


def tables(found: Findings) -> tuple[Table, ...]:
    """Make all tables, in the order of the page."""
    made = (
        arms_table(found),
        comparisons_table(found),
        efficiency_table(found),
        break_even_table(found),
        levels_table(found),
        categories_table(found),
        routing_table(found),
        routed_table(found),
        pass_at_table(found),
        usage_table(found),
        results_table(found),
    )
    return tuple(table for table in made if table.rows)
