"""Ablation without an LLM: modules, features, and pairs against effects worked out by hand."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from ablations.code.direct.factorial import design, interactions
from ablations.code.direct.features import without_feature
from ablations.code.direct.torch_modules import Removal, check_removal, chosen, gone, without
from ablations.code.source.errors import CodeStudyError


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Linear(3, 3)
        self.wide = nn.Linear(3, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.wide(x + self.branch(x))


def test_a_module_becomes_the_identity_or_zero_and_the_rest_stays() -> None:
    torch.manual_seed(0)
    model, x = Residual(), torch.randn(2, 3)
    identity, zero = (without(model, "branch", removal) for removal in Removal)
    assert torch.equal(identity(x), model.wide(x + x))
    assert torch.equal(zero(x), model.wide(x))
    assert isinstance(model.branch, nn.Linear)
    assert gone(model, identity, "branch")
    assert gone(model, zero, "branch")


def test_what_is_not_gone_is_told_apart() -> None:
    torch.manual_seed(0)
    model = Residual()
    changed = without(model, "branch", Removal.ZERO)
    with torch.no_grad():
        changed.wide.bias += 1  # type: ignore[operator,union-attr]
    assert not gone(model, changed, "branch")
    assert not gone(model, Residual(), "branch")


def test_modules_are_chosen_by_name_and_by_prefix() -> None:
    model = nn.Sequential(nn.Sequential(nn.ReLU(), nn.Linear(2, 2)), nn.Tanh())
    assert chosen(model, ["0.1", "0.*", "1"]) == ("0.1", "0.0", "1")
    with pytest.raises(CodeStudyError, match=r"no module 'conv'; it has: 0, 0\.0, 0\.1, 1"):
        chosen(model, ["conv"])


def test_a_module_that_changes_the_shape_cannot_be_left_out() -> None:
    model = nn.Sequential(Residual(), nn.Linear(5, 2))
    check_removal(model, "0.branch", Removal.ZERO, torch.zeros(1, 3))
    with pytest.raises(CodeStudyError, match=r"does not run without '0\.wide'"):
        check_removal(model, "0.wide", Removal.IDENTITY, torch.zeros(1, 3))


def test_a_column_is_left_out_by_its_name() -> None:
    table, names = without_feature(np.array([[1, 2, 3], [4, 5, 6]]), ("a", "b", "c"), "b")
    assert table.tolist() == [[1, 3], [4, 6]]
    assert names == ("a", "c")


@pytest.mark.parametrize(
    ("names", "feature", "words"),
    [
        (("a", "b"), "c", "0 columns are called 'c'"),
        (("a", "a"), "a", "2 columns"),
        (("a",), "a", "1 names were given"),
    ],
)
def test_a_column_that_is_not_clear_is_refused(names: tuple[str, ...], feature: str, words: str) -> None:
    with pytest.raises(CodeStudyError, match=words):
        without_feature(np.zeros((3, 2)), names, feature)


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
