"""What a ledger says is held against its plan and its own lines before a run goes on from it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pruning.projection import project
from search.control.records import record_of
from search.setup.recorded import check_owner, check_recorded
from search.space.budget import Budget
from search.space.history import TrialSpec
from search.space.strategy import Proposal
from tests.search import support
from tests.tracking import samples
from tests.tracking.samples import numbered, run_started
from tracking.errors import CorruptLedgerError, ForeignLedgerError, OtherPlanError
from tracking.kinds import TrialState
from tracking.payloads import GroupShape, Payload, PlanReady, Proposed, Rung, TrialEnded, TrialStarted, Winner
from tracking.runs import RunDir

TARGET = int(support.plan().baseline_macs * 0.3)
PREPARED: Any = SimpleNamespace(plan=support.plan(), budget=Budget(TARGET))


def proposed() -> Proposed:
    plan = support.plan()
    allocation = tuple(project(plan, plan.full(), TARGET).allocation)
    macs, params = plan.macs(allocation), plan.params(allocation)
    proposal = Proposal(support.strategy(), "test", "because")
    return record_of(TrialSpec(0, proposal, allocation, macs, params, macs, in_band=True))


def ended(accuracy: float = 0.5, state: TrialState = TrialState.COMPLETED) -> TrialEnded:
    return TrialEnded(
        trial=0, state=state, accuracy=accuracy, rungs=1, wall_s=1, actor="a", started=support.EPOCH,
        ended=support.EPOCH, served=1, error=None,
    )  # fmt: skip


def winner(**changes: Any) -> Winner:
    made = proposed()
    fields = {"trial": 0, "strategy": made.strategy, "allocation": made.allocation, "macs": made.macs}
    return Winner(**{**fields, "params": made.params, "proxy_accuracy": 0.5, **changes})


def run(*changed: Payload) -> tuple[Payload, ...]:
    """A run of one trial; each of `changed` takes the place of the event of its kind."""
    whole: tuple[Payload, ...] = (
        run_started(),
        proposed(),
        TrialStarted(trial=0, actor="a", pid=1, started=support.EPOCH),
        Rung(trial=0, rung=0, epochs=1, accuracy=0.5, loss=1.0),
        ended(),
        winner(),
    )
    by_kind = {payload.kind: payload for payload in changed}
    return tuple(by_kind.get(payload.kind, payload) for payload in whole)


def full() -> dict[str, Any]:
    allocation = support.plan().full()
    return {"allocation": tuple(allocation), "macs": support.plan().macs(allocation),
            "params": support.plan().params(allocation)}  # fmt: skip


def test_what_a_run_writes_is_accepted() -> None:
    check_recorded(Path("ledger.jsonl"), numbered(run()), PREPARED)


@pytest.mark.parametrize(
    ("changed", "line", "reason"),
    [
        (proposed().model_copy(update={"allocation": full()["allocation"]}), 2, "by the plan its allocation has"),
        (proposed().model_copy(update=full()), 2, "and the run allows"),
        (proposed().model_copy(update={"allocation": (1, 2)}), 2, "none of the plan's"),
        (proposed().model_copy(update={"params": 7}), 2, "states .* and 7 parameters"),
        (ended(0.9), 5, "ends with 0.9, and its last score is 0.5"),
        (ended(0.5, TrialState.STOPPED_EARLY), 6, "was never completed"),
        (winner(proxy_accuracy=0.9), 6, "has 0.9 here and ended with 0.5"),
        (winner(trial=3), 6, "trial 3, was never completed"),
        (winner(**full()), 6, "is not what was proposed"),
    ],
)
def test_what_contradicts_the_plan_or_itself_is_refused(changed: Payload, line: int, reason: str) -> None:
    with pytest.raises(CorruptLedgerError, match=reason) as caught:
        check_recorded(Path("ledger.jsonl"), numbered(run(changed)), PREPARED)
    assert caught.value.line == line


def test_a_run_that_was_planned_in_other_groups_does_not_go_on() -> None:
    """As where a later version frees a group that the run's version held whole; the ledger is not damaged."""
    plan = support.plan()
    groups = [GroupShape(name=group.name, units=group.units, set=group.set_index) for group in plan.groups]
    ready = next(one for one in samples.preparation() if isinstance(one, PlanReady))
    same = {"baseline_macs": plan.baseline_macs, "target_macs": TARGET}
    whole = ready.model_copy(update={"groups": tuple(groups), **same})
    check_recorded(Path("ledger.jsonl"), numbered((run_started(), whole)), PREPARED)
    renamed = groups[0].model_copy(update={"name": "elsewhere"})
    moved = groups[0].model_copy(update={"set": groups[0].set + 1})
    for others in (groups[1:], [renamed, *groups[1:]], [moved, *groups[1:]]):
        events = numbered((run_started(), whole.model_copy(update={"groups": tuple(others)})))
        with pytest.raises(OtherPlanError, match=r"planned in .* groups.*Go on with the version that began it"):
            check_recorded(Path("ledger.jsonl"), events, PREPARED)


def test_another_runs_ledger_is_refused(tmp_path: Path) -> None:
    check_owner(RunDir(tmp_path / "mine"), run_started("mine"))
    with pytest.raises(ForeignLedgerError, match="'other', and its folder is named 'mine'"):
        check_owner(RunDir(tmp_path / "mine"), run_started("other"))
