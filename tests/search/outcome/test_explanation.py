"""The winner beside the uniform start, counted from ledgers whose outcome is known."""

import math

import pytest

from pruning.stages import macs_by_stage
from search.outcome.explanation import explain
from search.outcome.summary import summarise
from tests.search import support
from tests.search.explained import EARLY, FAILED, STOPPED, UNIFORM, Tried, searched
from tracking.events import Event
from tracking.payloads import Payload, Rung, TrialStarted

BEATEN = Tried((0.5, 0.8), kept=UNIFORM)


def test_the_stages_are_the_plan_s_own_and_add_up() -> None:
    why = explain(searched(BEATEN, Tried((0.6, 0.9)), winner=1))
    assert why is not None
    plan, budget = support.plan(), support.plan().macs(UNIFORM)
    own, start = macs_by_stage(plan, EARLY), macs_by_stage(plan, UNIFORM)
    assert [(row.stage, row.macs) for row in why.stages] == [(stage.name, stage.macs) for stage in own]
    assert [row.macs_of_start for row in why.stages] == [stage.macs for stage in start]
    assert [row.shift for row in why.stages] == [(a.macs - b.macs) / budget for a, b in zip(own, start, strict=True)]
    assert sum(row.units for row in why.stages) == sum(group.units for group in plan.groups)
    by_name = {row.stage: (row.units, row.kept, row.kept_by_start) for row in why.stages}
    assert by_name["conv1"] == (32, 32, 16), "its groups of 8, 8 and 16 channels"
    assert by_name["fc"] == (0, 0, 0)


def test_a_completed_start_is_compared_at_the_last_rung() -> None:
    why = explain(searched(BEATEN, Tried((0.6, 0.9)), winner=1, images=400))
    assert why is not None
    assert why.start is not None
    assert (why.start.rung, why.start.epochs) == (1, 2)
    assert (why.start.winner_accuracy, why.start.accuracy) == (0.9, 0.8)
    assert why.start.standard_error == pytest.approx(math.sqrt((0.9 * 0.1 + 0.8 * 0.2) / 400))
    assert (why.rungs, why.completed, why.runner_up) == (2, 2, why.start)


def test_a_start_that_was_stopped_is_compared_where_it_was_scored_last() -> None:
    why = explain(searched(Tried((0.5,), STOPPED, UNIFORM), Tried((0.4, 0.9)), Tried((0.4, 0.7)), winner=1))
    assert why is not None
    assert why.start is not None
    assert (why.start.rung, why.start.winner_accuracy, why.start.accuracy) == (0, 0.4, 0.5)
    assert why.runner_up is not None
    assert (why.runner_up.trial, why.completed) == (2, 2)


def test_a_start_without_a_score_is_no_rival() -> None:
    why = explain(searched(Tried((), FAILED, UNIFORM), Tried((0.6, 0.9)), winner=1))
    assert why is not None
    assert (why.start, why.runner_up, why.completed) == (None, None, 1)


def test_the_runner_up_is_chosen_as_the_winner_is() -> None:
    """Accuracy, then fewer MACs, then the earlier trial; never one that was stopped."""
    why = explain(
        searched(BEATEN, Tried((0.6, 0.9)), Tried((0.95,), STOPPED), Tried((0.6, 0.8)), Tried((0.6, 0.8)), winner=1)
    )
    assert why is not None
    assert why.runner_up is not None
    assert support.plan().macs(EARLY) > support.plan().macs(UNIFORM)
    assert why.runner_up.trial == 0


def test_only_the_last_start_of_a_trial_counts() -> None:
    events = list(searched(BEATEN, Tried((0.6, 0.9)), winner=1))
    began = next(i for i, e in enumerate(events) if isinstance(e.payload, TrialStarted) and e.payload.trial == 1)
    earlier: list[Payload] = [
        TrialStarted(trial=1, actor="lost", pid=1, started=support.EPOCH),
        Rung(trial=1, rung=0, epochs=0, accuracy=0.1, loss=1.0),
    ]
    events[began:began] = [Event(0, support.EPOCH, payload) for payload in earlier]
    why = explain(events)
    assert why is not None
    assert why.rungs == 2


def test_an_older_ledger_is_read_and_what_it_lacks_is_left_out() -> None:
    events = searched(BEATEN, Tried((0.6, 0.9)), winner=1, images=None, priced=False)
    why = summarise(events).explanation
    assert why is not None
    assert {row.stage for row in why.stages} == {"conv1", "layer1", "layer2", "layer3", "layer4"}
    assert {(row.macs, row.shift) for row in why.stages} == {(None, None)}
    assert why.start is not None
    assert why.start.standard_error is None


def test_without_a_winner_there_is_nothing_to_explain() -> None:
    assert explain(searched(BEATEN, Tried((0.6, 0.9)), winner=1)[:-1]) is None
