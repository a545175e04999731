"""The tables of what the study found."""

from ablations.floor.journal import Facts
from ablations.floor.statistics import Estimate
from ablations.floor.table import Column, Table
from ablations.resources.arms.arm import Way
from ablations.resources.arms.resource import Resource
from ablations.resources.questions.accuracy import solved_share
from ablations.resources.questions.findings import Findings
from ablations.resources.statistics.interval import Interval

LONG = frozenset({"results", "pass_at_k", "cells", "tasks"})
"""Tables for the page alone."""


def shown(interval: Interval | None, count: int) -> Estimate | None:
    """Return a value with its interval, as tables show it."""
    return None if interval is None else Estimate(interval.value, interval.low, interval.high, count)


def _percent(key: str, title: str, digits: int) -> Column:
    return Column(key, title, "%", 100.0, digits)


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
        results_table(found),
    )
    return tuple(table for table in made if table.rows)


def arms_table(found: Findings) -> Table:
    """Make the table with one row per arm: what it solves, what that costs, and whether it is on the front."""
    cost = found.cost.column
    rows = tuple(
        (
            one.arm.name,
            one.tasks,
            len(found.outcomes.problems) - one.tasks,
            shown(one.solved, one.tasks),
            shown(one.per_task, one.tasks),
            shown(one.per_solved, one.tasks),
            None if one.on_front is None else ("yes" if one.on_front else "no"),
            one.front_share,
        )
        for one in found.standings
    )
    return Table(
        key="arms",
        title=f"The arms: tasks solved, and their cost ({cost.heading})",
        columns=(
            *(Column("arm", "Arm"), Column("tasks", "n"), Column("missing", "Missing")),
            _percent("solved", "Solved", 1),
            Column("per_task", f"{cost.title} per task", cost.unit, cost.scale, cost.digits),
            Column("per_solved", "per solved task", cost.unit, cost.scale, cost.digits),
            Column("front", "Pareto front"),
            _percent("front_share", "of resamples", 0),
        ),
        rows=rows,
        notes=(
            "Solved: the final answer passes visible and held-out checks; Wilson's 95 % interval.",
            "Costs are those of all branches together; 95 % bootstrap over tasks.",
            "Missing: no answer or no judgement, for a reason that is not the model's; they count nowhere.",
        ),
    )


def comparisons_table(found: Findings) -> Table:
    """Make the table with one row per pair of arms."""
    return Table(
        key="comparisons",
        title="Arms on the same tasks: second minus first",
        columns=(
            *(Column("second", "Second"), Column("first", "First"), Column("tasks", "n")),
            _percent("difference", "Solved", 1),
            Column("p", "p (Holm)", digits=4),
            Column("verdict", "Verdict"),
        ),
        rows=tuple(
            (one.second.name, one.first.name, one.tasks, shown(one.difference, one.tasks), one.p, one.verdict.value)
            for one in found.comparisons
        ),
        notes=("Newcombe's 95 % interval of paired proportions; McNemar's exact test, corrected by Holm's method.",),
    )


def efficiency_table(found: Findings) -> Table:
    """Make the table with one row per arm of a smaller model and resource."""
    return Table(
        key="efficiency",
        title=f"How many times as much {found.large}@1 uses: above 1 the smaller model uses less",
        columns=(
            *(Column("resource", "Resource"), Column("arm", "Compared with"), Column("tasks", "n")),
            Column("per_task", "per task", digits=2),
            Column("per_solved", "per solved task", digits=2),
        ),
        rows=tuple(
            (
                one.resource.column.title,
                one.arm.name,
                one.tasks,
                shown(one.per_task, one.tasks),
                shown(one.per_solved, one.tasks),
            )
            for one in found.efficiencies
        ),
        notes=(
            "Ratios with 95 % bootstrap intervals over tasks. A resource that was not measured of both has no row.",
        ),
    )


def break_even_table(found: Findings) -> Table:
    """Make the table with one row per arm of a smaller model and unit of price."""
    return Table(
        key="break_even",
        title=f"Break-even: how many times the price of {found.large} makes both cost the same per solved task",
        columns=(
            *(Column("arm", "Arm"), Column("unit", "Price of")),
            Column("at", "Break-even ratio", digits=2),
            Column("now", "Ratio measured", digits=2),
        ),
        rows=tuple((one.arm.name, _UNITS[one.unit], shown(one.at, 0), shown(one.now, 0)) for one in found.break_evens),
        notes=(
            f"Above the break-even ratio the arm costs less per solved task than {found.large}@1.",
            f"The ratio measured is that of {found.cost.column.title.lower()}.",
        ),
    )


_UNITS = {Resource.CALLS: "a call", Resource.TOKENS: "a token"}


def levels_table(found: Findings) -> Table:
    """Make the table with one row per level of each tree."""
    return Table(
        key="levels",
        title="Branching by level, beside as many independent samples",
        columns=(
            *(Column("arm", "Arm"), Column("level", "Level"), Column("most_calls", "Calls at most")),
            Column("calls", "Calls", digits=2),
            _percent("reached", "Reached", 1),
            _percent("gain", "Solved here", 1),
            _percent("solved", "Solved so far", 1),
            _percent("independent", "pass@k of as many samples", 1),
        ),
        rows=tuple(
            (
                name,
                one.level,
                one.most_calls,
                *(shown(value, 0) for value in (one.calls, one.reached, one.gain, one.solved, one.independent)),
            )
            for name, of_arm in found.levels.items()
            for one in of_arm
        ),
        notes=("Level 0 is the first attempt. pass@k: unbiased, over all samples, as if the held-out checks chose.",),
    )


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
            *(_percent(arm.name, arm.name, 0) for arm in arms),
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
            _percent("difference", "Small − large", 1),
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
            _percent("sent", "Sent to it", 1),
            _percent("solved", "Solved", 1),
            _percent("against_large", f"minus all to {found.large}@1", 1),
            _percent("against_small", "minus all to the small arm", 1),
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


def pass_at_table(found: Findings) -> Table:
    """Make the table with one row per model and k."""
    count = len(found.outcomes.problems)
    return Table(
        key="pass_at_k",
        title="pass@k of independent samples: unbiased, mean over tasks",
        columns=(
            *(Column("model", "Model"), Column("k", "k")),
            _percent("pass_at", "pass@k", 1),
        ),
        rows=tuple(
            (model, k, shown(one, count)) for model, of_model in found.pass_at.items() for k, one in of_model.items()
        ),
        notes=("Chen et al. 2021, equation 1; Wilson's 95 % interval for the effective number of tasks.",),
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
