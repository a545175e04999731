"""What a decision may read of earlier trials, and which trial is best."""

from search.space.history import best_of
from search.space.results import TrialResult
from tests.search import support
from tracking.kinds import TrialState


def test_a_decision_reads_only_what_lies_a_window_back() -> None:
    history = support.history([[0.1], [0.2], [0.3], [0.4]], window=2)
    assert [spec.trial for spec, _ in history.before(3)] == [0, 1]
    assert [spec.trial for spec, _ in history.readable()] == [0, 1, 2]


def test_a_trial_is_ready_when_all_that_it_reads_has_ended() -> None:
    history = support.history([[0.1], None, [0.3]], window=2)
    assert history.ready_for(2)
    assert not history.ready_for(3)
    history.end(TrialResult(1, TrialState.FAILED, (), "gone"))
    assert history.ready_for(3)


def test_a_view_as_of_a_trial_does_not_depend_on_who_was_quick() -> None:
    slow = support.history([[0.1], [0.2], None], window=2)
    quick = support.history([[0.1], [0.2], [0.3], [0.4]], window=2)
    for view in (slow.as_of(3), quick.as_of(3)):
        assert [(spec.trial, result.accuracies) for spec, result in view.ended] == [(0, (0.1,)), (1, (0.2,))]
        assert [spec.trial for spec in view.running] == [2]


def test_the_best_is_the_most_accurate_then_the_cheapest_then_the_first() -> None:
    history = support.history([])
    for trial, (accuracy, macs) in enumerate([(0.5, 90), (0.9, 100), (0.9, 80), (0.9, 80)]):
        history.add(support.spec(trial, macs=macs))
        history.end(TrialResult(trial, TrialState.COMPLETED, (accuracy,)))
    best = history.best()
    assert best is not None
    assert best[0].trial == 2


def test_a_trial_that_was_stopped_early_cannot_win() -> None:
    history = support.history([])
    history.add(support.spec(0))
    history.add(support.spec(1))
    history.end(TrialResult(0, TrialState.STOPPED_EARLY, (0.99,)))
    assert history.best() is None
    history.end(TrialResult(1, TrialState.COMPLETED, (0.5,)))
    assert [pair[0].trial for pair in [best_of(history.ended)] if pair] == [1]


def test_running_trials_are_those_without_a_result() -> None:
    history = support.history([[0.1], None, None])
    assert [spec.trial for spec in history.running] == [1, 2]
