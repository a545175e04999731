"""The study `comparison`: arms with equal terms of comparison, with confidence intervals, and paired by seed."""

from collections.abc import Sequence
from typing import ClassVar

from ablations.floor.table import Column, Table, Value
from ablations.ranking import Cell, RankedArms, Standing, compare
from ablations.run_study import RunStudy
from ablations.verdicts import best_arms
from tracking.mirror.records import RunRecord

_CELL = (
    Column("model", "Model"),
    Column("dataset", "Dataset"),
    Column("baseline_macs", "Base", "MMACs", scale=1e-6, digits=3),
    Column("target_macs", "Target", "MMACs", scale=1e-6, digits=3),
)
# Each key is a field of RunRecord; the column shows its mean over the runs that have it.
_FIGURES = (
    Column("accuracy", "Test accuracy", "%", scale=100, digits=2),
    Column("baseline_accuracy", "Base accuracy", "%", scale=100, digits=2),
    Column("winner_macs", "MACs", "MMACs", scale=1e-6, digits=3),
    Column("trials_proposed", "Trials", digits=1),
    Column("revisions", "Revisions", digits=1),
    Column("wall_s", "Time", "s", digits=1),
    Column("input_tokens", "Tokens in", digits=0),
    Column("output_tokens", "Tokens out", digits=0),
    Column("cost_usd", "Cost", "$", digits=4),
)


class Comparison(RunStudy):
    """Compares all arms on the same model, dataset and budget (`launch.py compare`)."""

    name: ClassVar[str] = "comparison"
    question: ClassVar[str] = "Which proposer gives the best model at the same budget?"

    def tables(self, runs: Sequence[RunRecord]) -> tuple[Table, ...]:
        """Return the ranked arms, their pairs, and the runs that were left out."""
        arms = compare(runs)
        return (
            standings_table(arms),
            *([pairs_table(arms)] if arms.pairs else []),
            *([left_out_table(arms)] if arms.excluded else []),
        )

    def answers(self, runs: Sequence[RunRecord]) -> tuple[str, ...]:
        """Return which arm is best in each cell, and what is shown of that."""
        return tuple(best_arms(compare(runs)))


def standings_table(arms: RankedArms) -> Table:
    """Make the table with one row per arm and cell."""
    columns = (
        Column("rank", "Rank"),
        *_CELL,
        Column("arm", "Arm"),
        Column("runs", "n"),
        *_FIGURES,
        Column("run_ids", "Runs"),
    )
    counters = sorted({standing.cell.counter or "unknown" for standing in arms.standings})
    return Table(
        key="arms",
        title=f"Arms by cell: mean ± 95 % t-interval over seeds; MACs as counted by {', '.join(counters)}",
        columns=columns,
        rows=tuple(_standing_row(standing) for standing in arms.standings),
        notes=arms.notes,
    )


def _standing_row(standing: Standing) -> tuple[Value, ...]:
    figures = (standing.mean(column.key) for column in _FIGURES)
    ids = " ".join(run.run_id for run in standing.runs)
    return (standing.rank, *_cell(standing.cell), standing.arm.label, len(standing.runs), *figures, ids)


def pairs_table(arms: RankedArms) -> Table:
    """Make the table with one row per pair of arms."""
    columns = (
        *_CELL,
        Column("first", "First"),
        Column("second", "Second"),
        Column("pairs", "Shared seeds"),
        Column("difference", "Second minus first", "points", scale=100, digits=2),
        Column("p", "p (Holm)", digits=4),
        Column("verdict", "Second is"),
    )
    rows = tuple(
        (
            *_cell(pair.cell),
            pair.first.label,
            pair.second.label,
            len(pair.seeds),
            pair.difference,
            pair.p,
            pair.verdict.value,
        )
        for pair in arms.pairs
    )
    return Table(
        key="pairs",
        title="Test accuracy paired by seed: mean difference ± 95 % t-interval",
        columns=columns,
        rows=rows,
        notes=(
            "A verdict needs p < 0.05 in the paired t-test, after Holm's correction for all pairs of the cell.",
            "The intervals are each pair's own, not corrected.",
        ),
    )


def left_out_table(arms: RankedArms) -> Table:
    """Make the table of the runs that were left out."""
    return Table(
        key="left_out",
        title="Runs left out",
        columns=(Column("run_id", "Run"), Column("reason", "Because")),
        rows=tuple(arms.excluded),
    )


def _cell(cell: Cell) -> tuple[Value, ...]:
    return (cell.model, cell.dataset, cell.baseline_macs, cell.target_macs)
