"""What could have been seen, against published values, another implementation, and a simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from ablations.floor.power import POWER, power_at, smallest_detectable
from ablations.floor.sign_flips import MOST_EXACT, sign_flip_p_value
from ablations.floor.statistics import paired_p_value


@pytest.mark.parametrize(("n", "effect"), [(5, 1.6820), (10, 0.9960), (30, 0.5292)])
def test_it_is_the_effect_of_the_standard_tables(n: int, effect: float) -> None:
    """As G*Power 3.1 gives it for a paired t-test: two-sided, 5 %, power 0.8."""
    assert smallest_detectable(1.0, n, 0.05) == pytest.approx(effect, abs=5e-4)


@pytest.mark.parametrize(("n", "noncentrality"), [(6, 0.0), (6, 2.0), (20, 1.0), (50, 3.0)])
def test_the_power_is_scipys_noncentral_t(n: int, noncentrality: float) -> None:
    critical = stats.t.ppf(0.975, n - 1)
    theirs = stats.nct.sf(critical, n - 1, noncentrality) + stats.nct.cdf(-critical, n - 1, noncentrality)
    assert power_at(noncentrality, n, critical) == pytest.approx(theirs, abs=1e-6)


def test_a_simulation_sees_it_as_often_as_it_says() -> None:
    n, rng = 6, np.random.default_rng(0)
    smallest = smallest_detectable(2.0, n, 0.05)
    assert smallest is not None
    draws = rng.normal(smallest, 2.0, (4000, n))
    seen = np.mean(stats.ttest_1samp(draws, 0.0, axis=1).pvalue < 0.05)
    assert seen == pytest.approx(POWER, abs=4 * math.sqrt(0.8 * 0.2 / 4000))


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("significance", [0.05, 0.05 / 45])
def test_it_is_a_number_for_the_fewest_seeds(n: int, significance: float) -> None:
    """Where SciPy's noncentral t gives none."""
    smallest = smallest_detectable(1.0, n, significance)
    assert smallest is not None
    critical = float(stats.t.ppf(1 - significance / 2, n - 1))
    assert power_at(smallest * math.sqrt(n), n, critical) == pytest.approx(POWER, abs=1e-6)


def test_one_pair_shows_nothing_and_no_spread_shows_everything() -> None:
    assert smallest_detectable(1.0, 1, 0.05) is None
    assert smallest_detectable(0.0, 4, 0.05) == 0.0


def test_sign_flips_computed_by_hand() -> None:
    # |±1 ±2 ±4| is at least 5 for (1,4)+, i.e. sums 7, 5, −5, −7 of 8: the one seen is 1 − 2 + 4 = 3, with 3 also
    assert sign_flip_p_value([1.0, 2.0, 4.0]) == 2 / 8
    assert sign_flip_p_value([1.0, -2.0, 4.0]) == 6 / 8
    assert sign_flip_p_value([0.1, 0.1, 0.1, 0.1, 0.1, 0.1]) == 2 / 64
    assert sign_flip_p_value([0.0, 0.0]) == 1.0
    assert sign_flip_p_value([1.0]) is None


def test_many_differences_are_drawn_and_agree_with_the_exact_count() -> None:
    rng = np.random.default_rng(3)
    values = list(rng.normal(0.35, 1.0, MOST_EXACT + 8))
    drawn, t = sign_flip_p_value(values), paired_p_value(values)
    assert drawn == sign_flip_p_value(values)
    assert drawn == pytest.approx(t, abs=0.02)
    assert sign_flip_p_value([1.0] * (MOST_EXACT + 8)) > 0  # type: ignore[operator]
