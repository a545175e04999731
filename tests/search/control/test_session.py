"""A search without Ray: what is written down, in which order, and how it is taken up again."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from search.control.deadline import LEAST_S, Deadline
from search.control.report import Report
from search.control.session import SearchSession
from search.control.steering import PATIENCE
from search.execution.local import serve
from search.proposers.knapsack import KnapsackProposer
from search.proposers.random import RandomProposer
from search.proposers.registry import CLASSICAL
from search.proposers.rules import RulesProposer
from search.proposers.tpe import TPEProposer
from search.proposers.uniform import UniformProposer
from search.space.history import TrialSpec
from search.space.strategy import Strategy
from tests.search import support
from tracking.events import Event, payloads_of
from tracking.kinds import Condition, Course, DecisionKind, EventKind, Ranking, TrialState
from tracking.ledger import Ledger
from tracking.payloads import Decision, Proposed, TrialEnded


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with support.ledger_at(tmp_path) as made:
        yield made


def kinds(ledger: Ledger) -> list[str]:
    return [event.kind.value for event in ledger.events]


def finish(session: SearchSession, trial: int, *accuracies: float) -> bool:
    """Report the trial's rungs until it stops; whether it did."""
    return any(session.on_report(support.report(trial, rung, value)) for rung, value in enumerate(accuracies))


def test_every_proposal_is_put_on_budget_and_written_first(ledger: Ledger) -> None:
    space = support.space()
    session = support.session(ledger, RandomProposer(space), space, window=6)
    turns = [session.next() for _ in range(4)]
    recorded = payloads_of(ledger.events, Proposed)
    assert [turn.spec.trial for turn in turns if turn.spec] == [record.trial for record in recorded] == [0, 1, 2, 3]
    target = space.budget.target_macs
    assert all(0.995 * target <= record.macs <= target for record in recorded)
    assert all(record.macs == support.plan().macs(record.allocation) for record in recorded)


def test_the_first_trial_is_the_common_start(ledger: Ledger) -> None:
    space = support.space()
    session = support.session(ledger, RandomProposer(space), space)
    first, second = session.next().spec, session.next().spec
    assert first is not None
    assert second is not None
    assert (first.proposal.proposer, second.proposal.proposer) == ("start", "random")


def test_a_trial_waits_for_the_results_that_it_reads(ledger: Ledger) -> None:
    space = support.space()
    session = support.session(ledger, RandomProposer(space), space, window=2)
    session.next(), session.next()
    assert session.next() == (None, False)
    finish(session, 0, 0.1, 0.2)
    assert session.next().spec is not None


def test_a_full_trial_completes_and_a_poor_one_stops_early(ledger: Ledger) -> None:
    space = support.space()
    session = support.session(ledger, RandomProposer(space), space, window=1, trials=9)
    for trial, accuracy in enumerate([0.5, 0.6, 0.7, 0.8]):
        session.next()
        assert finish(session, trial, accuracy, accuracy)
    session.next()
    assert finish(session, 4, 0.1)
    states = [record.state for record in payloads_of(ledger.events, TrialEnded)]
    assert states == [TrialState.COMPLETED] * 4 + [TrialState.STOPPED_EARLY]


def test_a_fault_is_a_failed_trial_with_its_words(ledger: Ledger) -> None:
    space = support.space()
    session = support.session(ledger, RandomProposer(space), space)
    session.next()
    assert session.on_report(support.report(0, None, error="ValueError: it broke"))
    record = payloads_of(ledger.events, TrialEnded)[0]
    assert (record.state, record.error, record.accuracy) == (TrialState.FAILED, "ValueError: it broke", None)


def test_a_trial_whose_process_died_runs_again_from_its_start(ledger: Ledger) -> None:
    space = support.space()
    session = support.session(ledger, RandomProposer(space), space)
    first = session.next().spec
    session.on_report(support.report(0, 0, 0.4))
    session.on_lost(0, "its process died")
    assert session.next() == (first, False), "before anything new"
    finish(session, 0, 0.4, 0.6)
    (ended,) = payloads_of(ledger.events, TrialEnded)
    assert (ended.state, ended.accuracy, ended.rungs) == (TrialState.COMPLETED, 0.6, 2)
    assert kinds(ledger).count(EventKind.TRIAL_STARTED) == 2
    retries = [record for record in payloads_of(ledger.events, Decision) if record.decision == DecisionKind.RETRIED]
    assert [(record.trial, record.reason) for record in retries] == [(0, "its process died, so once more")]


def test_a_trial_that_loses_a_second_process_has_failed(ledger: Ledger) -> None:
    """It may be what kills them: a third would be one too many."""
    space = support.space()
    session = support.session(ledger, RandomProposer(space), space)
    for _ in range(2):
        session.next()
        session.on_lost(0, "its process died")
    session.on_lost(0, "reported once more")
    (ended,) = payloads_of(ledger.events, TrialEnded)
    assert (ended.trial, ended.state) == (0, TrialState.FAILED)
    assert ended.error == "its process died, as it had in an earlier run of this trial"
    following = session.next().spec
    assert following is not None
    assert following.trial == 1


def test_the_search_is_not_over_while_a_trial_may_still_be_lost(ledger: Ledger) -> None:
    space = support.space()
    session = support.session(ledger, RandomProposer(space), space, window=6, trials=2)
    _, last = session.next(), session.next().spec
    assert session.next() == (None, False), "two trials are all, and both run"
    finish(session, 0, 0.5, 0.5)
    session.on_lost(1, "its process died")
    assert session.next() == (last, False)
    assert session.next() == (None, False)
    finish(session, 1, 0.5, 0.5)
    assert session.next() == (None, True)
    assert [record.decision for record in payloads_of(ledger.events, Decision)].count(DecisionKind.STOP) == 1


def test_a_trial_over_its_deadline_is_given_up_with_the_reason(ledger: Ledger) -> None:
    space = support.space()
    session = support.session(ledger, RandomProposer(space), space, window=6, deadline=Deadline(30))
    session.next(), session.next()
    assert not session.overdue(0, 29.9)
    assert session.overdue(0, 30.1)
    assert not session.overdue(0, 31), "its actor is killed once"
    session.on_lost(0, "the process died")
    record = payloads_of(ledger.events, TrialEnded)[0]
    assert (record.trial, record.state) == (0, TrialState.FAILED)
    assert record.error == "no end after 30 s, over its deadline (--trial-timeout 30): its actor was killed"
    assert not session.overdue(1, 3.0)


def test_without_a_given_deadline_the_slowest_trial_sets_it(ledger: Ledger) -> None:
    space = support.space()
    session = support.session(ledger, RandomProposer(space), space, window=6)
    session.next(), session.next()
    assert not session.overdue(1, 1e9), "nothing is known yet"
    finish(session, 0, 0.5, 0.5)
    assert not session.overdue(1, LEAST_S - 1)
    assert session.overdue(1, LEAST_S + 1)


def test_a_trial_that_failed_sets_no_deadline(ledger: Ledger) -> None:
    """Not even where a full trial has one rung, so that it failed at its last."""
    space = support.space()
    session = support.session(ledger, RandomProposer(space), space, window=6, rungs=1)
    session.next(), session.next()
    session.on_report(support.report(0, None, error="ValueError: it broke"))
    assert not session.overdue(1, 1e9)


def test_a_retry_for_want_of_memory_is_written_once(ledger: Ledger) -> None:
    space = support.space()
    session = support.session(ledger, RandomProposer(space), space)
    session.next()
    note = "out of memory at batch size 64, so once more at 32: no memory"
    for rung in (0, 1):
        session.on_report(support.report(0, rung, note=note))
    decisions = payloads_of(ledger.events, Decision)
    again = [(record.trial, record.reason) for record in decisions if record.decision is DecisionKind.RETRIED]
    assert again == [(0, note)]


def test_a_course_is_written_when_it_changes_and_told_to_the_arm(ledger: Ledger) -> None:
    space = support.space()
    proposer = TPEProposer(space)
    session = support.session(ledger, proposer, space, window=1, trials=40, eta=1)
    for trial in range(PATIENCE + 2):
        session.next()
        finish(session, trial, 0.5, 0.5)
    session.next()
    courses = [record.decision for record in payloads_of(ledger.events, Decision)]
    assert courses == ["exploit", "widen"]
    assert proposer.course is Course.WIDEN
    widened = payloads_of(ledger.events, Decision)[1]
    assert (widened.condition, widened.reason[:7]) == (Condition.STALLED, "no gain")


def test_the_substitute_takes_over_under_its_own_name_and_a_resume_keeps_it(ledger: Ledger) -> None:
    space = support.space()

    def made(of: Ledger) -> SearchSession:
        return support.session(of, UniformProposer(space), space, window=9, trials=6, substitute=RandomProposer(space))

    session = made(ledger)
    while session.next().spec is not None:
        pass
    proposers = [record.proposer for record in payloads_of(ledger.events, Proposed)]
    assert proposers == ["start", "uniform", *["random"] * 4]
    decisions = payloads_of(ledger.events, Decision)
    assert [record.decision for record in decisions] == ["switch_arm", "stop"]
    assert "random proposes from here on" in decisions[0].reason
    half = [event for event in ledger.events if event.seq <= 5]
    with Ledger.create(ledger.path.with_name("again.jsonl")) as again:
        for event in half:
            again.record(event.payload)
        resumed = made(again)
        resumed.restore(half)
        while resumed.next().spec is not None:
            pass
        assert payloads_of(again.events, Proposed) == payloads_of(ledger.events, Proposed)


def test_an_interrupt_ends_proposing_and_leaves_running_trials_open(ledger: Ledger) -> None:
    space = support.space()
    session = support.session(ledger, RandomProposer(space), space)
    session.next()
    session.interrupt()
    assert session.next() == (None, True)
    session.on_lost(0, "stopped with the rest")
    assert EventKind.TRIAL_ENDED not in kinds(ledger)


def test_repetitions_are_turned_back_and_end_the_search_when_nothing_new_comes(ledger: Ledger) -> None:
    space = support.space()
    proposer = support.FixedProposer(space, [support.strategy(0.2, space)])
    session = support.session(ledger, proposer, space, window=6, duplicates=5)
    assert [session.next().spec is not None for _ in range(2)] == [True, True]
    assert session.next().spec is None
    decisions = [record.decision for record in payloads_of(ledger.events, Decision)]
    assert decisions == ["turned_back_repeated"] * 5 + ["stop"]
    assert "repeated" in (session.stop_reason or "")


def test_an_arm_without_another_idea_ends_the_search_and_says_so(ledger: Ledger) -> None:
    space = support.space()
    session = support.session(ledger, UniformProposer(space), space, window=9, trials=8)
    assert [session.next().spec is not None for _ in range(2)] == [True, True]
    assert session.next().spec is None
    assert "uniform has nothing new to propose" in (session.stop_reason or "")
    assert DecisionKind.REPEATED not in {record.decision for record in payloads_of(ledger.events, Decision)}


def test_an_allocation_by_group_is_written_and_taken_up_again(ledger: Ledger) -> None:
    space = support.space()
    session = support.session(ledger, KnapsackProposer(space), space, window=9)
    session.next(), session.next()
    record = payloads_of(ledger.events, Proposed)[1]
    assert record.requested_allocation is not None
    assert record.requested_macs == support.plan().macs(record.requested_allocation)
    again = support.session(ledger, KnapsackProposer(space), space, window=9)
    again.restore(ledger.events)
    assert list(again.history) == list(session.history)
    assert payloads_of(ledger.events, Proposed)[0].requested_allocation is None


def test_not_yet_is_not_the_end(ledger: Ledger) -> None:
    space = support.space()
    proposer = support.FixedProposer(space, [None])
    session = support.session(ledger, proposer, space, window=6)
    session.next()
    assert session.next() == (None, False)


def test_joint_ranking_lets_groups_of_one_set_differ(ledger: Ledger) -> None:
    space, plan = support.space(0.4), support.plan()
    joint = Strategy(tuple(0.5 for _ in plan.sets), ranking=Ranking.JOINT)
    session = support.session(ledger, support.FixedProposer(space, [joint]), space, window=6)
    session.next()
    spec = session.next().spec
    assert spec is not None
    shared = [entry for entry in plan.sets if len(entry.groups) > 1]
    assert any(len({spec.allocation[group] for group in entry.groups}) > 1 for entry in shared)


def test_an_interrupted_search_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    """Trials end out of order, the driver dies with two of them open, and still the rest is the same."""
    space = support.space()
    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    with support.ledger_at(tmp_path / "whole") as whole:
        _play(support.session(whole, RulesProposer(space), space, trials=14, window=3))
        expected = payloads_of(whole.events, Proposed)
        results = payloads_of(whole.events, TrialEnded)
    with support.ledger_at(tmp_path / "broken") as broken:
        session = support.session(broken, RulesProposer(space), space, trials=14, window=3)
        for trial in range(6):
            session.next()
            if trial < 4:
                finish(session, trial, _score(trial), _score(trial))
        session.on_report(support.report(4, 0, _score(4)))
    with Ledger.open(tmp_path / "broken" / "ledger.jsonl") as again:
        session = support.session(again, RulesProposer(space), space, trials=14, window=3)
        session.restore(again.events)
        assert [spec.trial for spec in session.history.running] == [4, 5]
        _play(session)
        assert payloads_of(again.events, Proposed) == expected
        ended = payloads_of(again.events, TrialEnded)
    key = lambda record: record.trial  # noqa: E731
    assert [(r.trial, r.state, r.accuracy, r.rungs) for r in sorted(ended, key=key)] == [
        (r.trial, r.state, r.accuracy, r.rungs) for r in sorted(results, key=key)
    ]


@pytest.mark.parametrize("arm", ["rules", "knapsack", "tpe", "cmaes"])
def test_a_driver_killed_after_any_event_ends_as_an_undisturbed_one(arm: str, tmp_path: Path) -> None:
    """The ledger is cut where kill -9 would cut it, after every third event, and the search taken up from there."""
    space = support.space()

    def made(of: Ledger) -> SearchSession:
        return support.session(of, CLASSICAL[arm](space), space, trials=12, window=3)

    with support.ledger_at(tmp_path) as whole:
        _play(made(whole))
        events = whole.events
    expected, ended = payloads_of(events, Proposed), _by_trial(events)
    for cut in range(1, len(events), 3):
        with Ledger.create(tmp_path / f"cut-{cut}.jsonl") as broken:
            for event in events[:cut]:
                broken.record(event.payload)
            session = made(broken)
            session.restore(broken.events)
            _play(session)
            assert payloads_of(broken.events, Proposed) == expected, f"cut after {cut} events"
            assert _by_trial(broken.events) == ended, f"cut after {cut} events"


def _by_trial(events: Sequence[Event]) -> list[tuple[int, TrialState, float | None, int]]:
    ends = sorted(payloads_of(events, TrialEnded), key=lambda record: record.trial)
    return [(record.trial, record.state, record.accuracy, record.rungs) for record in ends]


def _play(session: SearchSession) -> None:
    """Run to the end, two trials at a time of which the newer ends first, with scores that their numbers dictate."""

    def reports(spec: TrialSpec) -> Iterator[Report]:
        return (support.report(spec.trial, rung, _score(spec.trial)) for rung in itertools.count())

    serve(session, reports, open_at_once=2, newest_first=True)


def _score(trial: int) -> float:
    return 0.3 + 0.01 * (trial * 37 % 50)
