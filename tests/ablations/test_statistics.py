"""Means and intervals against textbook figures and scipy's own."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ablations.statistics import estimate


def test_an_interval_worked_by_hand() -> None:
    # s = 1, n = 3, t(0.975, 2) = 4.302653: half width 4.302653 / sqrt(3)
    found = estimate([1.0, 2.0, 3.0])
    assert found is not None
    assert found.mean == 2.0
    assert found.half_width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)


def test_missing_values_are_left_out_and_counted() -> None:
    found = estimate([1.0, None, 3.0])
    assert found is not None
    assert (found.mean, found.n) == (2.0, 2)
    assert estimate([None, None]) is None
    assert estimate([]) is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_it_is_scipys_interval(values: list[float]) -> None:
    found = estimate(values)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.mean <= found.high
    error = stats.sem(values)
    if error > 1e-6:
        low, high = stats.t.interval(0.95, len(values) - 1, loc=sum(values) / len(values), scale=error)
        assert found.low == pytest.approx(low, abs=1e-6)
        assert found.high == pytest.approx(high, abs=1e-6)
