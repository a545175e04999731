"""The study `llm`: which LLM proposes better strategies, at what cost, and is any better than classical search?

The published study has one run per model. Here every arm has the same number of trials, the same MAC budget and several
seeds; the table has confidence intervals, and also contains classical arms.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

from ablations.comparison import left_out_table, pairs_table
from ablations.floor.statistics import Estimate, estimate
from ablations.floor.table import Column, Table, Value
from ablations.progress import seconds_to_converge
from ablations.published import llm_selection
from ablations.ranking import Cell, RankedArms, Standing, compare
from ablations.run_study import RunStudy
from ablations.verdicts import best_llms
from tracking.mirror.records import RunRecord


class LlmSelection(RunStudy):
    """Compares LLMs with each other and with classical arms (`launch.py ablate llm`)."""

    name: ClassVar[str] = "llm"
    question: ClassVar[str] = "Which LLM proposes the best strategies, and is any better than classical search?"

    def tables(self, runs: Sequence[RunRecord]) -> tuple[Table, ...]:
        """Return the arms, their pairs, the runs that were left out, and the published figures."""
        arms = compare(runs)
        return (
            _arms_table(arms),
            *([pairs_table(arms)] if arms.pairs else []),
            *([left_out_table(arms)] if arms.excluded else []),
            llm_selection(),
        )

    def answers(self, runs: Sequence[RunRecord]) -> tuple[str, ...]:
        """Return which LLM is best in each cell, and whether it is better than the best classical arm."""
        return tuple(best_llms(compare(runs)))


def _share(part: int | None, whole: int | None) -> float | None:
    return None if part is None or not whole else part / whole


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


# Figures of a run that this study shows besides those of `compare`; None if they were not recorded.
_FIGURES: tuple[tuple[Column, Callable[[RunRecord], float | None]], ...] = (
    (Column("revisions", "Revisions", digits=1), lambda run: run.revisions),
    (Column("converged_s", "Converged in", "s", digits=1), seconds_to_converge),
    (Column("winner_macs", "MACs", "MMACs", scale=1e-6, digits=3), lambda run: run.winner_macs),
    (Column("accuracy", "Accuracy", "%", scale=100, digits=2), lambda run: run.accuracy),
    (
        Column("quality", "Valid answers", "%", scale=100, digits=0),
        lambda run: _share(run.llm_valid, run.llm_answers),
    ),
    (Column("parse_errors", "Parse errors", digits=1), lambda run: run.llm_parse_errors),
    (
        Column("schema_errors", "Schema errors", digits=1),
        lambda run: _sum(run.llm_schema_errors, run.llm_out_of_range),
    ),
    (Column("repeated", "Repeated", digits=1), lambda run: run.llm_repeated),
    (Column("incoherent", "Incoherent", digits=1), lambda run: run.llm_incoherent),
    (Column("tokens", "Tokens", digits=0), lambda run: _sum(run.input_tokens, run.output_tokens)),
    (Column("cost_usd", "Cost", "$", digits=4), lambda run: run.cost_usd),
)
_RATIO = Column("convergence_ratio", "Time against the first", "×", digits=2)
_AFTER = 1
"""Index in `_FIGURES` of the time that the ratio is computed from; the ratio is shown next to it."""


def _arms_table(arms: RankedArms) -> Table:
    first: dict[Cell, Standing] = {}
    for standing in sorted(arms.standings, key=_started):
        first.setdefault(standing.cell, standing)
    figures = [column for column, _ in _FIGURES]
    figures.insert(_AFTER + 1, _RATIO)
    return Table(
        key="llm_selection",
        title="LLM selection: mean ± 95 % t-interval over seeds, the same trials and MACs for every arm",
        columns=(
            *(Column("model", "Model"), Column("dataset", "Dataset")),
            Column("target_macs", "Target", "MMACs", scale=1e-6, digits=3),
            Column("rank", "Rank"),
            Column("arm", "Arm"),
            Column("runs", "n"),
            *figures,
            Column("run_ids", "Runs"),
        ),
        rows=tuple(_row(standing, first[standing.cell]) for standing in arms.standings),
        notes=(
            "Converged: from the first trial's start to the end of one within a point of the run's best holdout score.",
            "A run that never beat the common start has not converged, and has no time.",
            "The first arm of a cell is the one whose runs started first.",
            "Every answer of a call counts, including those that were sent back. A dash means: not counted or unknown.",
            *arms.notes,
        ),
    )


def _row(standing: Standing, first: Standing) -> tuple[Value, ...]:
    figures: list[Value] = [estimate(figure(run) for run in standing.runs) for _, figure in _FIGURES]
    figures.insert(_AFTER + 1, _ratio(figures[_AFTER], estimate(seconds_to_converge(run) for run in first.runs)))
    cell = standing.cell
    ids = " ".join(run.run_id for run in standing.runs)
    place = (cell.model, cell.dataset, cell.target_macs, standing.rank, standing.arm.label, len(standing.runs))
    return (*place, *figures, ids)


def _ratio(mean: Value, first: Estimate | None) -> float | None:
    """Return the ratio of the means, without an interval: that would need assumptions that few seeds cannot support."""
    if not isinstance(mean, Estimate) or first is None or not first.mean:
        return None
    return mean.mean / first.mean


def _started(standing: Standing) -> tuple[int, str]:
    return min(run.started_ms for run in standing.runs), standing.arm.label
