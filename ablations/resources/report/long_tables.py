"""The tables for the page alone: pass@k, what is used, every task in every arm, and the tasks."""

from dataclasses import replace

from ablations.floor.journal import Facts
from ablations.floor.table import Column, Scaled, Table
from ablations.resources.arms.arm import Way
from ablations.resources.arms.resource import Resource
from ablations.resources.questions.findings import Findings
from ablations.resources.report.columns import percent, shown
from ablations.resources.statistics.interval import Interval


def pass_at_table(found: Findings) -> Table:
    """Make the table with one row per model and k."""
    count = len(found.outcomes.problems)
    return Table(
        key="pass_at_k",
        title="pass@k of independent samples: unbiased, mean over tasks",
        columns=(
            *(Column("model", "Model"), Column("k", "k")),
            percent("pass_at", "pass@k", 1),
        ),
        rows=tuple(
            (model, k, shown(one, count)) for model, of_model in found.pass_at.items() for k, one in of_model.items()
        ),
        notes=("Chen et al. 2021, equation 1; Wilson's 95 % interval for the effective number of tasks.",),
    )


def usage_table(found: Findings) -> Table:
    """Make the table with one row per arm and resource."""

    def value(column: Column, interval: Interval | None, tasks: int) -> Scaled:
        return Scaled(shown(interval, tasks), replace(column, digits=6 if column.scale == 1.0 else column.digits))

    return Table(
        key="usage",
        title="What the arms use, of all branches together",
        columns=(
            *(Column("arm", "Arm"), Column("resource", "Resource"), Column("tasks", "n")),
            *(Column("per_task", "per task"), Column("per_solved", "per solved task")),
            Column("per_token", "per token written"),
        ),
        rows=tuple(
            (
                one.arm.name,
                one.resource.column.heading,
                one.tasks,
                *(
                    value(one.resource.column, of_one, one.tasks)
                    for of_one in (one.per_task, one.per_solved, one.per_token)
                ),
            )
            for one in found.usages
        ),
        notes=("95 % bootstrap over tasks. Peaks of memory are means over tasks, and belong to no solved task.",),
    )


def results_table(found: Findings) -> Table:
    """Make the table with one row per task and arm."""
    rows = tuple(
        (
            problem.id,
            problem.category,
            arm.name,
            None if one is None or one.solved is None else int(one.solved),
            None if one is None else int(one.answered),
            None if one is None or arm.way is not Way.BRANCHING else one.level,
            *(None if one is None else one.used.get(resource) for resource in Resource),
        )
        for arm in found.outcomes.arms
        for problem, one in zip(found.outcomes.problems, found.outcomes.of(arm), strict=True)
    )
    return Table(
        key="results",
        title="Every task in every arm",
        columns=(
            *(Column("task", "Task"), Column("category", "Category"), Column("arm", "Arm")),
            *(Column("solved", "Solved"), Column("answered", "Passed visible checks"), Column("level", "Level")),
            *(resource.column for resource in Resource),
        ),
        rows=rows,
    )


def tasks_table(entry: Facts) -> Table:
    """Make the table with one row per task, as the journal's entry has it: its words and tests, not its solution.

    Args:
        entry: Of the tasks; empty before they are written down.
    """
    names = (
        *("task_id", "category", "split", "entry_point", "prompt", "visible_tests", "held_out_tests"),
        *("source", "sha256"),
    )
    return Table(
        key="tasks",
        title="The tasks",
        columns=tuple(Column(name, name.replace("_", " ").capitalize()) for name in names),
        rows=tuple(tuple(row[name] for name in names) for row in entry.get("rows", ())),
    )
