"""Means, intervals and p-values against values computed by hand and by scipy."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ablations.floor.statistics import estimate, holm, paired_p_value


def test_an_interval_computed_by_hand() -> None:
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


@given(st.lists(st.integers(-9999, 9999).map(lambda n: n / 10_000), min_size=2, max_size=12, unique=True))
def test_a_paired_p_value_is_scipys(differences: list[float]) -> None:
    assert paired_p_value(differences) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=1e-9)


@pytest.mark.parametrize(("differences", "p"), [([], None), ([0.1], None), ([0.0, 0.0], 1.0), ([0.1, 0.1, 0.1], 0.0)])
def test_differences_without_a_spread(differences: list[float], p: float | None) -> None:
    assert paired_p_value(differences) == p


def test_equal_differences_of_rounded_accuracies_have_no_spread() -> None:
    assert paired_p_value([0.8 - 0.9, 0.81 - 0.91, 0.82 - 0.92]) == 0.0


def test_holm_computed_by_hand() -> None:
    # ordered: 0.01·3 = 0.03, 0.03·2 = 0.06, 0.04·1 = 0.04 raised to the 0.06 before it
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, None, 0.9]) == [1.0, None, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=10))
def test_holm_never_makes_a_verdict_easier(p_values: list[float]) -> None:
    adjusted = holm(list(p_values))
    for p, raised in zip(p_values, adjusted, strict=True):
        assert raised is not None
        assert p <= raised <= 1
    assert sorted(range(len(p_values)), key=lambda i: (p_values[i], i)) == sorted(
        range(len(p_values)), key=lambda i: (adjusted[i] or 0.0, p_values[i], i)
    )


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_differences_of_nothing_are_no_evidence(scale: float) -> None:
    """As the repetition of texts that repeat no word, whose largest value is 0."""
    assert paired_p_value([0.0, 0.0, 0.0], scale) == 1.0
