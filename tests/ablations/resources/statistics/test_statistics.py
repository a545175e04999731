"""Statistics over tasks, against scipy, enumeration and hand calculation."""

import itertools
import math
import random

import numpy as np
import pytest
from scipy.stats import binomtest

from ablations.resources.statistics.pass_at_k import pass_at_k
from ablations.resources.statistics.proportions import mcnemar, mean_share, paired_difference, wilson
from ablations.resources.statistics.resampling import interval, mean, ratio


@pytest.mark.parametrize(("successes", "count"), [(0, 10), (3, 10), (10, 10), (70, 100), (1, 1), (250, 500)])
def test_wilson_is_scipys(successes: int, count: int) -> None:
    theirs = binomtest(successes, count).proportion_ci(method="wilson")
    ours = wilson(successes, count)
    assert ours is not None
    assert (ours.value, ours.low, ours.high) == pytest.approx((successes / count, theirs.low, theirs.high))
    assert wilson(0, 0) is None


def test_pass_at_k_is_the_share_of_all_choices() -> None:
    """Enumerated: of all choices of k samples, how many hold a right one."""
    for count, right, k in ((5, 2, 3), (6, 1, 1), (6, 0, 4), (4, 4, 2), (7, 3, 5)):
        choices = list(itertools.combinations([True] * right + [False] * (count - right), k))
        assert pass_at_k(count, right, k) == pytest.approx(sum(map(any, choices)) / len(choices))


def test_pass_at_k_is_without_bias_where_the_naive_estimate_is_not() -> None:
    count, p, k = 6, 0.3, 4
    weights = [math.comb(count, c) * p**c * (1 - p) ** (count - c) for c in range(count + 1)]
    truth = 1 - (1 - p) ** k
    ours = math.fsum(w * pass_at_k(count, c, k) for c, w in enumerate(weights))
    naive = math.fsum(w * (1 - (1 - c / count) ** k) for c, w in enumerate(weights))
    assert ours == pytest.approx(truth)
    assert abs(naive - truth) > 0.02


def test_mcnemar_is_the_exact_binomial_test_of_disagreements() -> None:
    second = [True] * 9 + [False] * 2 + [True] * 5
    first = [False] * 9 + [True] * 2 + [True] * 5
    assert mcnemar(second, first) == pytest.approx(binomtest(2, 11).pvalue)
    assert mcnemar(first, second) == pytest.approx(mcnemar(second, first))
    assert mcnemar(first, first) == 1.0


def test_a_paired_difference_agrees_with_its_normal_limit_and_has_a_width_without_disagreement() -> None:
    dice = random.Random(1)
    first = [dice.random() < 0.6 for _ in range(4000)]
    second = [one if dice.random() < 0.7 else dice.random() < 0.4 for one in first]
    found = paired_difference(second, first)
    turned = paired_difference(first, second)
    assert found is not None
    assert turned is not None
    differences = np.subtract(np.array(second, float), np.array(first, float))
    half = 1.96 * differences.std() / math.sqrt(4000)
    assert found.value == pytest.approx(differences.mean())
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=half * 0.05)
    assert (turned.low, turned.high) == pytest.approx((-(found.high or 0), -(found.low or 0)))
    same = paired_difference([True] * 20, [True] * 20)
    assert same is not None
    assert (same.low or 0) < 0 < (same.high or 0)
    assert paired_difference([], []) is None


def test_a_mean_of_ones_and_zeros_is_a_proportion_and_of_equal_shares_has_a_width() -> None:
    ours, wilsons = mean_share([1.0] * 30 + [0.0] * 10), wilson(30, 40)
    assert ours is not None
    assert wilsons is not None
    assert (ours.low, ours.high) == pytest.approx((wilsons.low, wilsons.high), abs=0.005)
    ones = mean_share([1.0] * 50)
    assert ones is not None
    assert ones.value == 1.0
    assert (ones.low or 0) < 0.95
    assert mean_share([]) is None


def test_the_bootstrap_of_a_mean_is_about_the_normal_interval() -> None:
    values = list(np.random.default_rng(5).normal(10, 3, size=400))
    found = mean(values)
    assert found is not None
    half = 1.96 * np.std(values) / 20
    assert found.value == pytest.approx(np.mean(values))
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=half * 0.15)


def test_the_bootstrap_keeps_the_pairs_together() -> None:
    """A ratio of two columns that go together has no spread, whatever each of them has."""
    top = [1.0, 5.0, 40.0, 2.0]
    found = ratio(top, [2 * one for one in top])
    assert found is not None
    assert found.fields == pytest.approx((0.5, 0.5, 0.5))


def test_a_ratio_without_a_denominator_is_none_and_a_bound_beyond_all_bounds_too() -> None:
    assert ratio([1.0, 2.0], [0.0, 0.0]) is None
    assert ratio([], []) is None
    found = ratio([1.0] * 12, [1.0] + [0.0] * 11)
    assert found is not None
    assert found.value == 12.0
    assert found.high is None
    assert interval(lambda a: a, [1.0, 1.0]) is not None
