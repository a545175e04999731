"""The LLM-selection ablation: whose strategies are better, at what price, and is any better than classical search?

The published study gave one run a model. Here every arm has an equal budget of trials and of MACs, several seeds, and
intervals; classical arms stand in the same table.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

from ablations.arms import Arms, Cell, Standing, compare
from ablations.comparison import left_out_table, pairs_table
from ablations.progress import seconds_to_converge
from ablations.published import llm_selection
from ablations.statistics import Estimate, estimate
from ablations.study import Study
from ablations.table import Column, Table, Value
from tracking.mirror.records import RunRecord


class LlmSelection(Study):
    """`launch.py ablate llm`."""

    name: ClassVar[str] = "llm"
    question: ClassVar[str] = "Which LLM proposes the best strategies, and is any better than classical search?"

    def tables(self, runs: Sequence[RunRecord]) -> tuple[Table, ...]:
        arms = compare(runs)
        return (
            _arms_table(arms),
            *([pairs_table(arms)] if arms.pairs else []),
            *([left_out_table(arms)] if arms.excluded else []),
            llm_selection(),
        )


def _share(part: int | None, whole: int | None) -> float | None:
    return None if part is None or not whole else part / whole


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


# What the study tells of a run, beside what `compare` tells; None where the run does not say.
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
"""The ratio stands beside the time that it is of."""


def _arms_table(arms: Arms) -> Table:
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
            "Converged: from the first trial's start until one ended within a point of the run's best holdout score.",
            "The first arm of a cell is the one whose runs started first.",
            "Answers are counted by call trip: what was asked again counts twice. A dash: not counted or not told.",
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
    """Of the means; an interval of a ratio would ask for assumptions that a few seeds cannot carry."""
    if not isinstance(mean, Estimate) or first is None or not first.mean:
        return None
    return mean.mean / first.mean


def _started(standing: Standing) -> tuple[int, str]:
    return min(run.started_ms for run in standing.runs), standing.arm.label
