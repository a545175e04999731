"""The tables of arms, comparisons, efficiency, break-even prices and levels."""

from ablations.floor.table import Column, Table
from ablations.resources.arms.resource import Resource
from ablations.resources.questions.findings import Findings
from ablations.resources.report.columns import percent, shown


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
            percent("solved", "Solved", 1),
            Column("per_task", f"{cost.title} per task", cost.unit, cost.scale, cost.digits),
            Column("per_solved", "per solved task", cost.unit, cost.scale, cost.digits),
            Column("front", "Pareto front"),
            percent("front_share", "of resamples", 0),
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
            percent("difference", "Solved", 1),
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


def levels_table(found: Findings) -> Table:
    """Make the table with one row per level of each tree."""
    return Table(
        key="levels",
        title="Branching by level, beside as many independent samples",
        columns=(
            *(Column("arm", "Arm"), Column("level", "Level"), Column("most_calls", "Calls at most")),
            Column("calls", "Calls", digits=2),
            percent("reached", "Reached", 1),
            percent("gain", "Solved here", 1),
            percent("solved", "Solved so far", 1),
            percent("independent", "pass@k of as many samples", 1),
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


_UNITS = {Resource.CALLS: "a call", Resource.TOKENS: "a token"}
