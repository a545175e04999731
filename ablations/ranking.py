"""Groups runs by cell and arm, ranks the arms of each cell, and compares them in pairs.

An *arm* is a proposer with its LLM, if any; a *cell* is one model on one dataset at one target. Arms are ranked only
within a cell, and only if its runs are equal in all terms of comparison, which `search.setup.scope` defines. The names
of the arms are in `search.arms`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from ablations.floor.answers import answer_all
from ablations.floor.condition import Condition
from ablations.floor.errors import NothingToCompareError
from ablations.floor.figure import Direction
from ablations.floor.questions import Contrast, Verdict
from ablations.floor.results import Outcome, Results
from ablations.floor.statistics import Estimate, estimate
from search.setup.config import RunConfig
from search.setup.scope import scope_of
from tracking.kinds import RunStatus
from tracking.mirror.records import RunRecord


class Cell(NamedTuple):
    """What the runs of arms must have in common to be compared.

    Attributes:
        counter: How MACs were counted.
    """

    model: str
    dataset: str
    target_macs: int
    baseline_macs: int | None
    counter: str | None


class Arm(NamedTuple):
    """A proposer with its LLM; None for a classical arm."""

    proposer: str
    llm: str | None

    @property
    def label(self) -> str:
        """The name in tables and plots."""
        return self.proposer if self.llm is None else f"{self.proposer} ({self.llm})"


@dataclass(frozen=True, slots=True)
class Standing:
    """The runs of one arm in one cell, with its rank.

    Attributes:
        runs: One run per seed, in the order of the seeds.
        rank: From 1, by mean test accuracy; None if the cell cannot be ranked.
    """

    cell: Cell
    arm: Arm
    runs: tuple[RunRecord, ...]
    rank: int | None

    def mean(self, figure: str) -> Estimate | None:
        """Estimate the mean of a field of `RunRecord`, named `figure`, over the runs that have it."""
        return estimate(getattr(run, figure) for run in self.runs)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two arms of a cell, compared on the seeds that both have.

    Attributes:
        seeds: The shared seeds, at least one.
        difference: Test accuracy of the second arm minus that of the first, paired by seed.
        p: The p-value of the paired t-test, adjusted by Holm's method for all pairs of the cell; None for one shared
            seed.
    """

    cell: Cell
    first: Arm
    second: Arm
    seeds: tuple[int, ...]
    difference: Estimate
    p: float | None
    verdict: Verdict


class Excluded(NamedTuple):
    """A run that is left out of the comparison, and why."""

    run_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RankedArms:
    """The arms of all cells, ranked and paired.

    Attributes:
        standings: In the order of the cells; within a cell by rank, or by name if it is not ranked.
        pairs: Every two arms of a cell that share a seed.
        excluded: The runs that were left out.
        notes: Why a cell is not ranked, or what limits its comparison.
    """

    standings: tuple[Standing, ...]
    pairs: tuple[Pair, ...]
    excluded: tuple[Excluded, ...]
    notes: tuple[str, ...]


def compare(runs: Sequence[RunRecord]) -> RankedArms:
    """Rank and pair the arms of these runs. The order of `runs` does not matter.

    Raises:
        NothingToCompareError: No run can be compared; the message says why.
    """
    newest_last = sorted(runs, key=lambda run: (run.started_ms, run.run_id))
    chosen, excluded = _choose(newest_last)
    if not chosen:
        reasons = Counter(reason for _, reason in excluded)
        raise NothingToCompareError(len(runs), "; ".join(f"{count} × {reason}" for reason, count in reasons.items()))
    standings: list[Standing] = []
    pairs: list[Pair] = []
    notes: list[str] = []
    for cell, arms in sorted(chosen.items(), key=lambda item: _sortable(item[0])):
        terms = _unequal_terms(arms)
        notes += _notes(cell, arms, terms)
        standings += _standings(cell, arms, ranked=not terms and len(arms) > 1)
        pairs += [] if terms else _pairs(cell, arms)
    return RankedArms(tuple(standings), tuple(pairs), tuple(excluded), tuple(notes))


_ByArm = Mapping[Arm, tuple[RunRecord, ...]]


def _choose(runs: Sequence[RunRecord]) -> tuple[Mapping[Cell, _ByArm], list[Excluded]]:
    """Return the newest comparable run of each cell, arm and seed, and the excluded runs.

    A repeated seed is not a second sample: counting it would make the interval narrower than it is.
    """
    newest: dict[tuple[Cell, Arm, int], RunRecord] = {}
    excluded: list[Excluded] = []
    for run in runs:
        reason = _why_excluded(run)
        if reason is not None or run.target_macs is None:
            excluded.append(Excluded(run.run_id, reason or "it has no target"))
            continue
        cell = Cell(run.model, run.dataset, run.target_macs, run.baseline_macs, run.counter)
        place = (cell, Arm(run.proposer, run.llm), run.seed)
        if place in newest:
            excluded.append(Excluded(newest[place].run_id, "a newer run has the same arm and seed"))
        newest[place] = run
    chosen: dict[Cell, dict[Arm, tuple[RunRecord, ...]]] = {}
    for (cell, arm, _), run in sorted(newest.items(), key=lambda item: item[0][2]):
        arms = chosen.setdefault(cell, {})
        arms[arm] = (*arms.get(arm, ()), run)
    return chosen, excluded


def _why_excluded(run: RunRecord) -> str | None:
    """Return why a run cannot be compared; None if it can."""
    if run.status is not RunStatus.FINISHED:
        return "it did not finish"
    if run.accuracy is None or run.winner_macs is None:
        return "its winner was not evaluated on the test set"
    if run.target_macs is None:
        return "its target was not recorded"
    if run.winner_macs > (run.band_macs[1] if run.band_macs else run.target_macs):
        return "its winner exceeds the budget"
    return None


def _unequal_terms(arms: _ByArm) -> tuple[str, ...]:
    """Return the terms of comparison in which the runs of a cell differ."""
    configs = [run.config or {} for runs in arms.values() for run in runs]
    names = {name for config in configs for name in config if _is_term(name)}
    return tuple(sorted(name for name in names if len({config.get(name) for config in configs}) > 1))


def _is_term(name: str) -> bool:
    """Whether an option is a term of comparison; one that the current configuration does not know counts as one."""
    field = RunConfig.model_fields.get(name)
    return field is None or scope_of(field).is_term


def _notes(cell: Cell, arms: _ByArm, terms: Sequence[str]) -> Iterator[str]:
    where = f"{cell.model} on {cell.dataset} at {cell.target_macs:,} MACs"
    if terms:
        yield f"{where} is not ranked: its runs also differ in {', '.join(terms)}."
    if len({tuple(run.seed for run in runs) for runs in arms.values()}) > 1:
        yield f"{where}: the arms were not run with the same seeds; the pairs below use those they share."


def _standings(cell: Cell, arms: _ByArm, *, ranked: bool) -> list[Standing]:
    places = {arm: _mean_accuracy(runs) for arm, runs in arms.items()}
    standings = [
        Standing(cell, arm, runs, 1 + sum(other > places[arm] for other in places.values()) if ranked else None)
        for arm, runs in arms.items()
    ]
    return sorted(standings, key=lambda standing: (standing.rank or 0, standing.arm.label))


def _mean_accuracy(runs: Sequence[RunRecord]) -> float:
    mean = estimate(run.accuracy for run in runs)
    assert mean is not None, "runs without an accuracy are excluded"
    return mean.mean


def _pairs(cell: Cell, arms: _ByArm) -> list[Pair]:
    """Ask of every two arms whether the second is better; the p-values are adjusted for the questions of this cell."""
    asked = list(combinations(sorted(arms, key=lambda arm: arm.label), 2))
    answers = answer_all([_question(first, second) for first, second in asked], _results(arms))
    return [
        Pair(cell, first, second, answer.seeds, answer.difference, answer.p, answer.verdict)
        for (first, second), answer in zip(asked, answers, strict=True)
        if answer.difference is not None
    ]


def _question(first: Arm, second: Arm) -> Contrast:
    return Contrast(
        key=f"{first.label} {second.label}",
        text=f"Is {second.label} better than {first.label}?",
        figure="accuracy",
        better=Direction.HIGHER,
        first={"arm": first.label},
        second={"arm": second.label},
    )


def _results(arms: _ByArm) -> Results:
    """Return the runs as outcomes of conditions, arm by seed. A seed that an arm lacks has no outcome."""
    return Results(
        tuple(
            Outcome(Condition(factors={"arm": arm.label}, seed=run.seed), figures={"accuracy": run.accuracy})
            for arm, runs in arms.items()
            for run in runs
            if run.accuracy is not None
        )
    )


def _sortable(cell: Cell) -> tuple[str, ...]:
    return (cell.model, cell.dataset, f"{cell.target_macs:020d}", f"{cell.baseline_macs or 0:020d}", cell.counter or "")
