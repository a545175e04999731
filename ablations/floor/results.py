"""What is known of every condition of a study, in the order of its grid."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ablations.floor.condition import Condition, Level
from ablations.floor.journal import Facts, prepared_in
from tracking.events import Event
from tracking.study_payloads import ConditionFailed, ConditionMeasured

Selection = Mapping[str, Level]
"""Levels of some factors: it selects every condition that has them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a condition: figures, or the reason why there are none.

    Attributes:
        figures: None if it failed, or is not measured yet.
        error: Why it failed; None if it did not.
    """

    condition: Condition
    figures: Mapping[str, float] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """The outcomes of all conditions, in the order of the grid, whatever the order in which they ended.

    Attributes:
        prepared: The entries of the study's journal; empty for a part of the results.
    """

    outcomes: tuple[Outcome, ...]
    prepared: Mapping[str, Facts] = field(default_factory=dict)

    @property
    def measured(self) -> tuple[Outcome, ...]:
        """Those with figures."""
        return tuple(outcome for outcome in self.outcomes if outcome.figures is not None)

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """Those that failed."""
        return tuple(outcome for outcome in self.outcomes if outcome.error is not None)

    @property
    def missing(self) -> tuple[Outcome, ...]:
        """Those that have not ended."""
        return tuple(outcome for outcome in self.outcomes if outcome.figures is None and outcome.error is None)

    def factors(self) -> tuple[str, ...]:
        """Return the names of all factors, in the order in which conditions name them first."""
        return tuple(dict.fromkeys(name for outcome in self.outcomes for name in outcome.condition.factors))

    def levels(self, factor: str) -> tuple[Level, ...]:
        """Return the levels of a factor, in the order of the grid."""
        return tuple(dict.fromkeys(o.condition.factors[factor] for o in self.outcomes if factor in o.condition.factors))

    def where(self, selection: Selection) -> "Results":
        """Return the outcomes of the conditions with these levels."""
        return Results(tuple(outcome for outcome in self.outcomes if selects(selection, outcome.condition)))

    def cells(self) -> Iterator[tuple[Mapping[str, Level], tuple[Outcome, ...]]]:
        """Yield the factors and the outcomes of each cell, one outcome per seed."""
        cells: dict[str, list[Outcome]] = {}
        for outcome in self.outcomes:
            cells.setdefault(outcome.condition.cell, []).append(outcome)
        for outcomes in cells.values():
            yield outcomes[0].condition.factors, tuple(outcomes)

    def values(self, figure: str) -> tuple[float | None, ...]:
        """Return a figure of each outcome; None where it was not measured."""
        return tuple(None if o.figures is None else o.figures.get(figure) for o in self.outcomes)


def selects(selection: Selection, condition: Condition) -> bool:
    """Return whether a condition has these levels."""
    return all(condition.factors.get(name) == level for name, level in selection.items())


def results_of(conditions: Sequence[Condition], events: Sequence[Event]) -> Results:
    """Return the results of these conditions that a ledger holds; the last end of a condition counts."""
    ends: dict[str, ConditionMeasured | ConditionFailed] = {}
    for event in events:
        match event.payload:
            case ConditionMeasured() | ConditionFailed() as end:
                ends[end.condition] = end
    outcomes = tuple(_outcome(condition, ends.get(condition.key)) for condition in conditions)
    return Results(outcomes, prepared_in(events))


def _outcome(condition: Condition, end: ConditionMeasured | ConditionFailed | None) -> Outcome:
    match end:
        case ConditionMeasured(figures=figures):
            return Outcome(condition, figures=figures)
        case ConditionFailed(error=error):
            return Outcome(condition, error=error)
        case _:
            return Outcome(condition)
