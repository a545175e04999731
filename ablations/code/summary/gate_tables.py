"""The tables of the gates: how often each was asked, and what was refused, by which gate and why."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ablations.code.gates.registry import GATES
from ablations.code.summary.attempts import Attempt, GateVerdict
from ablations.code.summary.outline import Outline
from ablations.code.summary.records import Record
from ablations.floor.table import Column, Table


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, and what it is about: an attempt at a patch, or the trial of a seed."""

    component: str
    stage: str
    verdict: GateVerdict


def judged(
    outline: Outline, records: Sequence[Record], attempts: Mapping[str, Sequence[Attempt]]
) -> tuple[Judged, ...]:
    """Return all verdicts: of the attempts, then of the trials."""
    return (*_of_attempts(attempts), *_of_trials(outline, records))


def gate_tables(verdicts: Sequence[Judged]) -> tuple[Table, ...]:
    """Make the table of the gates, and, if anything was refused, that of the refusals."""
    refused = [one for one in verdicts if not one.verdict.accepted]
    return (_gates_table(verdicts), *([_refusals_table(refused)] if refused else ()))


def _of_attempts(attempts: Mapping[str, Sequence[Attempt]]) -> Iterator[Judged]:
    for component, several in attempts.items():
        for attempt in several:
            yield from (Judged(component, f"attempt {attempt.number}", verdict) for verdict in attempt.gates)


def _of_trials(outline: Outline, records: Sequence[Record]) -> Iterator[Judged]:
    for record in records:
        condition = record.outcome.condition
        component = str(condition.factors.get(outline.factor, outline.original))
        yield from (Judged(component, f"trial, seed {condition.seed}", verdict) for verdict in record.gates)


def _gates_table(verdicts: Sequence[Judged]) -> Table:
    asked = Counter(one.verdict.gate for one in verdicts)
    refused = Counter(one.verdict.gate for one in verdicts if not one.verdict.accepted)
    questions = {gate.name: gate.question for gate in GATES}
    names = [*questions, *(name for name in asked if name not in questions)]
    return Table(
        key="gates",
        title="The gates: a number counts only if all of them accept",
        columns=(
            *(Column("gate", "Gate"), Column("question", "It asks")),
            *(Column("asked", "Verdicts"), Column("refused", "Refused")),
        ),
        rows=tuple((name, questions.get(name, ""), asked[name], refused[name]) for name in names if asked[name]),
        notes=("Each attempt at a patch and each trial is judged by its source, and by its run where there was one.",),
    )


def _refusals_table(refused: Sequence[Judged]) -> Table:
    return Table(
        key="refusals",
        title="What the gates refused, and why",
        columns=(
            *(Column("component", "Component"), Column("stage", "When")),
            *(Column("gate", "Gate"), Column("reason", "Because")),
        ),
        rows=tuple((one.component, one.stage, one.verdict.gate, one.verdict.reason) for one in refused),
    )
