"""Which trials end at a rung: decided from earlier trials alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.control.halving import Halving
from tests.search import support


def test_the_best_third_goes_on() -> None:
    history = support.history([[0.1], [0.2], [0.3], [0.4], [0.5]], window=1)
    halving = Halving(eta=3, grace=3)
    # Six scores with the newcomer's: two go on, so it must beat or equal the second best.
    assert not halving.stops(history, 5, 0, 0.5)
    assert not halving.stops(history, 5, 0, 0.45)
    assert halving.stops(history, 5, 0, 0.39)


def test_nothing_stops_before_enough_is_known() -> None:
    history = support.history([[0.9], [0.9]], window=1)
    assert not Halving(eta=3, grace=3).stops(history, 2, 0, 0.0)


def test_eta_one_stops_nothing() -> None:
    history = support.history([[0.9]] * 8, window=1)
    assert not Halving(eta=1).stops(history, 8, 0, 0.0)


def test_a_rung_is_compared_with_the_same_rung_only() -> None:
    history = support.history([[0.1, 0.9], [0.1, 0.9], [0.1, 0.9], [0.2]], window=1)
    assert not Halving(eta=2, grace=3).stops(history, 4, 0, 0.2)
    assert Halving(eta=2, grace=3).stops(history, 4, 1, 0.2)


@given(st.permutations(range(6)), st.floats(0, 1))
def test_the_order_of_arrival_changes_nothing(order: list[int], accuracy: float) -> None:
    scores = [0.1, 0.6, 0.3, 0.5, 0.2, 0.4]
    ended = support.history([[score] for score in scores], window=2)
    late = support.history([None] * 6, window=2)
    for trial in order:
        result = ended.result(trial)
        assert result is not None
        late.end(result)
    halving = Halving()
    assert halving.stops(late, 7, 0, accuracy) == halving.stops(ended, 7, 0, accuracy)


@pytest.mark.parametrize("unfinished", [4, 5])
def test_trials_within_the_window_are_not_read(unfinished: int) -> None:
    """Whether a neighbour happened to end first must not matter."""
    scores: list[list[float] | None] = [[0.1], [0.2], [0.3], [0.4], [0.99], [0.99]]
    full = Halving(eta=2, grace=3).stops(support.history(scores, window=3), 6, 0, 0.35)
    scores[unfinished] = None
    assert Halving(eta=2, grace=3).stops(support.history(scores, window=3), 6, 0, 0.35) == full
