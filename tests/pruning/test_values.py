"""Models that compute with values: they are followed on a copy with random weights."""

import pytest
import torch
from torch import nn

from pruning.errors import UnsupportedModelError
from pruning.models import ModelSpec
from pruning.plan import Plan
from pruning.planning import build_plan
from pruning.slicing import slice_model
from tests.pruning.field import Mixed

SPEC = ModelSpec("toy", 5, (3, 16, 16))


class Counted(Mixed):
    """Repeats an operation as often as a buffer says."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("steps", torch.tensor(2))

    def between(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(int(self.steps.item())):  # type: ignore[operator]
            x = x * 0.9
        return x


class Checked(Mixed):
    """Checks its activations and would rescale large ones."""

    def between(self, x: torch.Tensor) -> torch.Tensor:
        assert not torch.isnan(x).any()
        return x / x.mean() if x.mean() > 1e6 else x


class Scaled(Mixed):
    """Scales by a number read from the activations, which another cut would change."""

    def between(self, x: torch.Tensor) -> torch.Tensor:
        return x * float(x.sum())


class Chosen(Mixed):
    """Chooses by its activations which of two layers runs."""

    def __init__(self) -> None:
        super().__init__()
        self.bright, self.dark = nn.Conv2d(16, 16, 1), nn.Conv2d(16, 16, 1)

    def between(self, x: torch.Tensor) -> torch.Tensor:
        return self.bright(x) if x.mean() > 0 else self.dark(x)


def units(plan: Plan) -> dict[str, int]:
    return {group.name: group.units for group in plan.groups}


@pytest.mark.parametrize("model", [Counted(), Checked()])
def test_a_model_that_computes_with_values_is_planned_and_proved(model: Mixed) -> None:
    plan = build_plan(model, SPEC)
    assert plan.valued
    assert units(plan) == {"first": 16, "second": 8}
    assert "followed on values" in plan.proof


def test_the_plan_does_not_depend_on_the_weights() -> None:
    plans = [build_plan(Counted(), SPEC) for _ in range(2)]
    assert plans[0].groups == plans[1].groups
    assert plans[0].passes == plans[1].passes


def test_a_number_read_from_activations_holds_the_channels_that_it_depends_on() -> None:
    plan = build_plan(Scaled(), SPEC)
    assert units(plan) == {"second": 8}
    assert plan.held[0].units == 16


def test_a_list_whose_length_depends_on_values_is_refused_with_advice() -> None:
    class Boxes(Mixed):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.first(x)
            return y[y > y.mean()]

    with pytest.raises(UnsupportedModelError, match="Nothing was cut"):
        build_plan(Boxes(), SPEC)


class Tabled(Mixed):
    """Makes a table of positions in its first pass, and keeps it."""

    table: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.zeros(1, 1), persistent=False)

    def between(self, x: torch.Tensor) -> torch.Tensor:
        if self.table.shape[-1] != x.shape[-1]:
            self.table = torch.arange(x.shape[-1]).to(x)[None]
        return x + self.table


def test_a_model_that_keeps_a_table_from_its_first_pass_is_planned_as_it_is_after_it() -> None:
    model = Tabled()
    plan = build_plan(model, SPEC)
    assert units(plan) == {"first": 16, "second": 8}
    assert model.table.shape == (1, 1), "the model itself is not run"
    small = slice_model(model, plan, (tuple(range(5)), (0, 1)))
    assert small(torch.zeros(2, 3, 16, 16)).shape == (2, 5)


def test_a_model_that_needs_no_values_is_not_run_on_any() -> None:
    assert not build_plan(Mixed(), SPEC).valued


def test_layers_that_other_values_would_choose_are_a_reason_to_refuse() -> None:
    with pytest.raises(UnsupportedModelError, match=r"layers (dark|bright) ran for none.*weigh their results"):
        build_plan(Chosen(), SPEC)
