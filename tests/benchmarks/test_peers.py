"""Tests of how the peers reach a budget."""

import pytest

from benchmarks.peers import least_ratio


def test_the_least_ratio_that_fits() -> None:
    assert least_ratio(lambda ratio: round(1000 * (1 - ratio)), 250) == pytest.approx(0.75, abs=0.001)


def test_a_model_that_grows_again_with_the_ratio() -> None:
    """At 0.5 and at all larger ratios that bisection tries, the model is over its budget."""
    assert least_ratio(lambda ratio: 200 if 0.6 <= ratio < 0.7 else 1000, 250) == 0.6


def test_a_budget_that_no_ratio_reaches() -> None:
    with pytest.raises(ValueError, match="no ratio reaches 250 MACs"):
        least_ratio(lambda _: 1000, 250)
