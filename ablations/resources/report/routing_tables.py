"""The tables of categories: what each arm solves of them, and where routing rules send them."""

from ablations.floor.table import Column, Table
from ablations.resources.questions.accuracy import solved_share
from ablations.resources.questions.findings import Findings
from ablations.resources.report.columns import percent, shown


def categories_table(found: Findings) -> Table:
    """Make the table with one row per category, and a column per arm."""
    arms = found.outcomes.arms
    rows = []
    for category in dict.fromkeys(problem.category for problem in found.outcomes.problems):
        tasks = [n for n, problem in enumerate(found.outcomes.problems) if problem.category == category]
        of_category = found.outcomes.only(tasks)
        rows.append((category, len(tasks), *(shown(solved_share(of_category, arm), len(tasks)) for arm in arms)))
    return Table(
        key="categories",
        title="Tasks solved by category",
        columns=(
            *(Column("category", "Category"), Column("tasks", "n")),
            *(percent(arm.name, arm.name, 0) for arm in arms),
        ),
        rows=tuple(rows),
    )


def routing_table(found: Findings) -> Table:
    """Make the table with one row per category of each rule."""
    return Table(
        key="routing",
        title="Routing rules, fitted on one half of the tasks",
        columns=(
            *(Column("small", "Small arm"), Column("category", "Category"), Column("tasks", "n")),
            percent("difference", "Small − large", 1),
            Column("goes_to", "Goes to"),
        ),
        rows=tuple(
            (
                rule.small.name,
                fit.category,
                fit.tasks,
                shown(fit.difference, fit.tasks),
                (rule.small if fit.goes_small else rule.large).name,
            )
            for rule, _ in found.routes
            for fit in rule.categories
        ),
    )


def routed_table(found: Findings) -> Table:
    """Make the table with one row per rule: how it does on the other half."""
    return Table(
        key="routed",
        title="The rules on the other half of the tasks, on which they were not fitted",
        columns=(
            *(Column("small", "Small arm"), Column("tasks", "n")),
            percent("sent", "Sent to it", 1),
            percent("solved", "Solved", 1),
            percent("against_large", f"minus all to {found.large}@1", 1),
            percent("against_small", "minus all to the small arm", 1),
            Column("cost", f"{found.cost.column.title}, all to {found.large}@1 = 1", digits=2),
        ),
        rows=tuple(
            (
                rule.small.name,
                one.tasks,
                *(
                    shown(value, one.tasks)
                    for value in (one.sent, one.solved, one.against_large, one.against_small, one.cost)
                ),
            )
            for rule, one in found.routes
        ),
    )
