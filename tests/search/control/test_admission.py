"""What becomes of a proposal: a trial on the budget, or a verdict in the ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from search.control.admission import Admission, make_trial
from search.proposers.base import uniform_start
from search.space.history import History
from search.space.strategy import Proposal
from tests.search import support
from tracking.events import payloads_of
from tracking.kinds import DecisionKind
from tracking.ledger import Ledger
from tracking.payloads import Decision, Proposed

WIDE, NARROW = 0.9, 0.1


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with support.ledger_at(tmp_path) as made:
        yield made


def proposal(ratio: float) -> Proposal:
    return Proposal(support.strategy(ratio), "test", "because")


def admission(ledger: Ledger, *, projection: bool = True) -> Admission:
    return Admission(support.space(), History(1), ledger, projection=projection)


def test_a_request_is_priced_as_asked_and_cut_as_projected() -> None:
    space, plan = support.space(), support.plan()
    wide = make_trial(proposal(WIDE), 3, space, projection=True)
    assert wide.trial == 3
    assert not wide.in_band
    assert wide.requested_macs > space.budget.target_macs >= wide.macs == plan.macs(wide.allocation)
    assert wide.params == plan.params(wide.allocation)
    alone = make_trial(proposal(WIDE), 3, space, projection=False)
    assert alone.macs == alone.requested_macs == wide.requested_macs


def test_the_common_start_is_projected_in_any_case() -> None:
    space = support.space()
    start = uniform_start(space)
    assert make_trial(start, 0, space, projection=False) == make_trial(start, 0, space, projection=True)


def test_an_allocation_by_group_is_taken_as_it_is() -> None:
    asked = tuple(group.units for group in support.plan().groups)
    strategy = support.strategy(NARROW)
    whole = make_trial(Proposal(strategy, "test", "because", asked), 0, support.space(), projection=False)
    assert whole.allocation == asked
    assert whole.requested_macs == support.plan().baseline_macs


def test_the_same_model_is_not_tried_twice(ledger: Ledger) -> None:
    """With projection all uniform requests come to the same model."""
    gate = admission(ledger)
    assert gate.admit(proposal(WIDE)) is not None
    assert gate.admit(proposal(WIDE)) is None
    assert (gate.asked, gate.repeated_in_a_row, gate.missed) == (2, 1, 0)
    (decision,) = payloads_of(ledger.events, Decision)
    assert (decision.decision, decision.trial) == (DecisionKind.REPEATED, 0)
    assert gate.admit(proposal(NARROW)) is not None
    assert gate.repeated_in_a_row == 0


def test_without_projection_a_miss_is_turned_back_with_its_macs(ledger: Ledger) -> None:
    gate = admission(ledger, projection=False)
    assert gate.admit(proposal(WIDE)) is None
    assert (gate.asked, gate.missed, gate.repeated_in_a_row) == (1, 1, 0)
    (decision,) = payloads_of(ledger.events, Decision)
    requested = make_trial(proposal(WIDE), 0, support.space(), projection=False).requested_macs
    assert decision.decision is DecisionKind.MISSED
    assert f"test asked for {requested:,} MACs, outside" in decision.reason
    assert not payloads_of(ledger.events, Proposed)


@pytest.mark.parametrize("projection", [True, False])
def test_it_is_taken_up_where_it_was(ledger: Ledger, projection: bool) -> None:
    gate, again = admission(ledger, projection=projection), admission(ledger, projection=projection)
    for asked in (uniform_start(support.space()), proposal(WIDE), proposal(WIDE), proposal(NARROW)):
        gate.admit(asked)
    for event in ledger.events:
        again.restore(event.payload)
    assert (again.asked, again.missed, again.repeated_in_a_row) == (gate.asked, gate.missed, gate.repeated_in_a_row)
    assert gate.asked == 4
