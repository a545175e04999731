"""Holds what a ledger says against what follows from its plan and from its own lines, before a run goes on from it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from search.setup.preparation import Prepared
from tracking.errors import CorruptLedgerError, ForeignLedgerError, OtherPlanError
from tracking.events import Event, payloads_of
from tracking.kinds import TrialState
from tracking.payloads import PlanReady, Proposed, Rung, RunStarted, TrialEnded, TrialStarted, Winner
from tracking.runs import RunDir


def check_owner(folder: RunDir, started: RunStarted) -> None:
    """Check that the ledger of a folder belongs to its run.

    Raises:
        ForeignLedgerError: it is that of another run.
    """
    if started.run_id != folder.run_id:
        raise ForeignLedgerError(str(folder.ledger), started.run_id, folder.run_id)


def check_recorded(path: Path, events: Sequence[Event], prepared: Prepared) -> None:
    """Check allocations, costs, scores and winner.

    Args:
        path: of the ledger.
        events: of the ledger.
        prepared: its configuration, with the plan.

    Raises:
        OtherPlanError: it was planned in other groups.
        CorruptLedgerError: an event contradicts the plan, or an earlier event.
    """
    checks = _Checks(prepared)
    _check_groups(path, events, prepared)
    for event in events:
        for problem in checks.problems(event):
            raise CorruptLedgerError(str(path), event.seq, problem)


def _check_groups(path: Path, events: Sequence[Event], prepared: Prepared) -> None:
    """Check that the groups are those of the plan, by name, size and set: strategies and allocations are lists of them.

    Raises:
        OtherPlanError: the model has as many MACs as it had, and was planned in other groups, by another version.
    """
    plan = prepared.plan
    found = [(group.name, group.units, group.set_index) for group in plan.groups]
    for ready in payloads_of(events, PlanReady):
        recorded = [(group.name, group.units, group.set) for group in ready.groups]
        if recorded != found and ready.baseline_macs == plan.baseline_macs:
            provenance = next((started.provenance for started in payloads_of(events, RunStarted)), None)
            version = None if provenance is None else f"{provenance.espalier}, commit {provenance.commit or 'unknown'}"
            raise OtherPlanError(str(path), _told(recorded), _told(found), version)


def _told(groups: Sequence[tuple[str, int, int]]) -> tuple[str, ...]:
    return tuple(f"{name} ({units})" for name, units, _ in groups)


class _Checks:
    """Takes the events of a ledger in their order, and remembers what later ones must agree with."""

    def __init__(self, prepared: Prepared) -> None:
        self._plan, self._budget = prepared.plan, prepared.budget
        self._proposed: dict[int, Proposed] = {}
        self._scores: dict[int, list[float]] = {}
        self._completed: dict[int, float] = {}

    def problems(self, event: Event) -> Iterator[str]:
        """Yield what is wrong with the next event."""
        match event.payload:
            case PlanReady() as plan:
                yield from self._plan_problems(plan)
            case Proposed() as proposed:
                self._proposed[proposed.trial] = proposed
                yield from self._cost_problems(proposed)
            case TrialStarted(trial=trial):
                self._scores[trial] = []
            case Rung() as rung:
                self._scores.setdefault(rung.trial, []).append(rung.accuracy)
            case TrialEnded() as ended:
                yield from self._end_problems(ended)
            case Winner() as winner:
                yield from self._winner_problems(winner)

    def _plan_problems(self, recorded: PlanReady) -> Iterator[str]:
        groups, baseline = recorded.groups, self._plan.baseline_macs
        if recorded.baseline_macs != baseline:
            yield (
                f"its plan has {len(groups)} groups and a baseline of {recorded.baseline_macs:,} MACs, and the model "
                f"of its configuration has {len(self._plan.groups)} and {baseline:,}"
            )
        if recorded.target_macs != self._budget.target_macs:
            wanted = self._budget.target_macs
            yield f"its target is {recorded.target_macs:,} MACs, and its configuration asks for {wanted:,}"

    def _cost_problems(self, recorded: Proposed | Winner) -> Iterator[str]:
        allocation, groups = recorded.allocation, self._plan.groups
        if len(allocation) != len(groups) or any(
            not 0 < kept <= group.units for kept, group in zip(allocation, groups, strict=True)
        ):
            yield f"its allocation, {list(allocation)}, is none of the plan's {len(groups)} groups"
            return
        macs, params = self._plan.macs(allocation), self._plan.params(allocation)
        if (macs, params) != (recorded.macs, recorded.params):
            yield (
                f"it states {recorded.macs:,} MACs and {recorded.params:,} parameters, and by the plan its allocation "
                f"has {macs:,} and {params:,}"
            )
        if macs > (most := self._budget.band_macs[1]):
            yield f"its allocation has {macs:,} MACs, and the run allows {most:,} at most"

    def _end_problems(self, ended: TrialEnded) -> Iterator[str]:
        scores = self._scores.get(ended.trial, [])
        if ended.trial not in self._proposed:
            yield f"trial {ended.trial} ends, and was never proposed"
        if ended.state is not TrialState.FAILED and (not scores or ended.accuracy != scores[-1]):
            scored = "none" if not scores else f"{scores[-1]:g}"
            yield f"trial {ended.trial} ends with {ended.accuracy:g}, and its last score is {scored}"
        if ended.state is TrialState.COMPLETED and ended.accuracy is not None:
            self._completed[ended.trial] = ended.accuracy

    def _winner_problems(self, winner: Winner) -> Iterator[str]:
        score, proposed = self._completed.get(winner.trial), self._proposed.get(winner.trial)
        if score is None or proposed is None:
            yield f"its winner, trial {winner.trial}, was never completed"
            return
        if winner.proxy_accuracy != score:
            yield f"its winner, trial {winner.trial}, has {winner.proxy_accuracy:g} here and ended with {score:g}"
        if winner.allocation != proposed.allocation or winner.strategy != proposed.strategy:
            yield f"its winner, trial {winner.trial}, is not what was proposed under that number"
        yield from self._cost_problems(winner)
