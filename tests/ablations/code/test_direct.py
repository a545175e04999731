"""Ablation without an LLM: pairs of components against effects worked out by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from ablations.code.direct.factorial import design, interactions
from ablations.code.source.errors import CodeStudyError


def test_the_design_has_the_original_each_component_and_each_pair() -> None:
    cells = design(["a", "b", "c"])
    assert cells[0] == frozenset()
    assert set(cells[1:4]) == {frozenset(name) for name in "abc"}
    assert set(cells[4:]) == {frozenset(pair) for pair in ("ab", "ac", "bc")}
    with pytest.raises(CodeStudyError, match="two different components"):
        design(["a", "a"])


def test_effects_of_a_pair_are_those_worked_out_by_hand() -> None:
    values = {
        frozenset(): [0.90, 0.92],
        frozenset("a"): [0.80, 0.84],
        frozenset("b"): [0.85, 0.85],
        frozenset("ab"): [0.55, 0.57],
    }
    (pair,) = interactions(["a", "b"], values)
    # Seed 1: losing a costs 0.10 with b and 0.30 without it; seed 2: 0.08 and 0.28.
    assert pair.first.mean == pytest.approx(((-0.10 - 0.30) / 2 + (-0.08 - 0.28) / 2) / 2)
    # Seed 1: losing b costs 0.05 with a and 0.25 without it; seed 2: 0.07 and 0.27.
    assert pair.second.mean == pytest.approx((-0.15 - 0.17) / 2)
    # Half of what losing both costs beyond the sum, in both seeds: (−0.30 + 0.10) / 2 and (−0.28 + 0.08) / 2.
    assert pair.interaction.mean == pytest.approx(-0.10)
    # Two values −0.20 and −0.18: the half width is t(0.975, 1) · s / √2 with s = 0.01 · √2.
    half = stats.t.ppf(0.975, 1) * 0.01
    assert pair.first.high is not None
    assert pair.first.high - pair.first.mean == pytest.approx(half)
    assert pair.first.p_value == pytest.approx(2 * stats.t.sf(0.19 / 0.01, 1))


def test_effects_agree_with_a_regression_on_coded_levels() -> None:
    dice = np.random.default_rng(3)
    cells = design(["a", "b"])
    values = {cell: list(dice.normal(size=5)) for cell in cells}
    rows = [(1.0, s, t, s * t) for cell in cells for s, t in [(1 if "a" in cell else -1, 1 if "b" in cell else -1)]]
    fitted, *_ = np.linalg.lstsq(np.array(rows), np.array([np.mean(values[cell]) for cell in cells]), rcond=None)
    (pair,) = interactions(["a", "b"], values)
    assert [pair.first.mean, pair.second.mean, pair.interaction.mean] == pytest.approx(list(2 * fitted[1:]))


def test_additive_costs_have_no_interaction_and_one_seed_has_no_interval() -> None:
    cells = design(["a", "b", "c"])
    cost = {"a": 0.1, "b": 0.02, "c": 0.3}
    effects = interactions(["a", "b", "c"], {cell: [1 - math.fsum(cost[name] for name in cell)] for cell in cells})
    assert [pair.interaction.components for pair in effects] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert all(abs(pair.interaction.mean) < 1e-12 for pair in effects)
    assert effects[0].first.mean == pytest.approx(-0.1)
    assert (effects[0].first.low, effects[0].first.p_value) == (None, None)


def test_a_missing_cell_is_told() -> None:
    with pytest.raises(CodeStudyError, match=r"a\+b: 0"):
        interactions(["a", "b"], {frozenset(): [1.0], frozenset("a"): [1.0], frozenset("b"): [1.0]})
