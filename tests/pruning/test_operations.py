"""What each operation lets a plan cut: every plan here is proved, and counted by fvcore."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pruning.errors import UnsupportedModelError
from pruning.models import ModelSpec
from pruning.plan import Plan
from pruning.planning import build_plan
from pruning.rules.contraction import contractions, read_equation
from tests.pruning.operations import FIXED, FREE, Between

SPEC = ModelSpec("toy", 5, (3, 16, 16))


def plan_of(model: nn.Module) -> Plan:
    torch.manual_seed(0)
    return build_plan(model, SPEC)


@pytest.mark.parametrize("name", FREE)
def test_an_operation_that_is_followed_leaves_its_channels_free(name: str) -> None:
    make, units = FREE[name]
    plan = plan_of(make())
    assert [group.units for group in plan.groups] == units


@pytest.mark.parametrize("name", FIXED)
def test_an_operation_that_cannot_be_followed_fixes_its_channels_and_no_others(name: str) -> None:
    make, units, fixed = FIXED[name]
    plan = plan_of(make())
    assert [group.units for group in plan.groups] == units
    told = {f.name: (f.units, f.reason) for f in plan.fixed if f.reason != "the model returns it"}
    assert {name: count for name, (count, _) in told.items()} == {name: count for name, (count, _) in fixed.items()}
    assert all(reason in told[name][1] for name, (_, reason) in fixed.items())


def test_a_group_norm_whose_number_of_groups_is_a_literal_holds_its_channels() -> None:
    plan = plan_of(Between(lambda x: F.group_norm(x, 16)))
    assert [group.units for group in plan.groups] == [8]
    assert plan.held[0].units == 16


def test_a_deformable_convolution_costs_what_a_convolution_does() -> None:
    plan = plan_of(FREE["a deformable convolution"][0]())
    layer = [cost for cost in plan.layer_costs if cost.layer == "operation.deform"]
    assert [cost.macs for cost in layer] == [12 * 16 * 9 * 64]


def test_an_einsum_of_three_costs_its_two_products() -> None:
    """`bchw,ck` costs b·c·h·w·k and `bkhw,ko` costs b·k·h·w·o."""
    sources, target = read_equation("bchw, ck, ko -> bohw", [4, 2, 2])
    assert ["".join(sorted(pair)) for pair in contractions(sources, target)] == ["bchkw", "bhkow"]
    plan = plan_of(FREE["einsum of three"][0]())
    assert sum(c.macs for c in plan.layer_costs if c.kind == "products") == 16 * 64 * 6 + 6 * 64 * 16


@pytest.mark.parametrize(
    ("equation", "ranks", "expected"),
    [
        ("bij,bjk->bik", [3, 3], (["bij", "bjk"], "bik")),
        ("...ij,jk->...ik", [4, 2], (["②①ij", "jk"], "②①ik")),
        ("...i,...i", [3, 2], (["②①i", "①i"], "②①")),
        ("ab,bc", [2, 2], (["ab", "bc"], "ac")),
    ],
)
def test_an_equation_is_read_as_torch_reads_it(
    equation: str, ranks: list[int], expected: tuple[list[str], str]
) -> None:
    assert read_equation(equation, ranks) == expected


def test_a_network_that_fixes_everything_is_refused_with_what_does_and_with_advice() -> None:
    class Svd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 4, 1), nn.Linear(4, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(torch.linalg.svdvals(self.conv(x).flatten(2)))

    with pytest.raises(UnsupportedModelError, match=r"conv: no rule follows.*To make channels free"):
        plan_of(Svd())


@pytest.mark.parametrize(
    ("operation", "reason", "advice"),
    [
        ("forward", "TypeError: forward() missing 1 required positional argument: 'b'", "shape of each of its inputs"),
        ("forward", "RuntimeError: register_forward_pre_hook is not supported on ScriptModules", "was made from"),
        ("forward", "RuntimeError: expected input[1, 3, 8, 8] to have 1 channels", "number of channels"),
        ("forward in training mode", "AssertionError: targets should not be none", "labels"),
        ("copying the model", "ValueError: Attempted to use an uninitialized parameter", "lazy layers"),
        ("copying the model", "TypeError: cannot pickle '_thread.lock' object", "copyable"),
        ("counting MACs", "the plan says 4, a sliced model has 5", "independent counter"),
        ("aten.mul.Tensor", "it computes something else in a sliced model than in the whole", "x.shape"),
    ],
)
def test_a_refusal_ends_with_advice_that_fits_its_cause(operation: str, reason: str, advice: str) -> None:
    assert advice in str(UnsupportedModelError("layer", operation, reason)).rpartition("Nothing was cut.")[2]


@pytest.mark.parametrize(
    ("operation", "least"),
    [
        (lambda x: x * x.std(1, keepdim=True), (2, 1)),
        (lambda x: x * torch.var_mean(x, 1, keepdim=True)[0], (2, 1)),
        (lambda x: x * x.var(1, keepdim=True, unbiased=False), ()),
        (lambda x: x * x.std((1, 2), keepdim=True), ()),
        (lambda x: x * x.std((2, 3), keepdim=True), ()),
    ],
)
def test_channels_over_which_a_deviation_is_taken_keep_two_of_them(
    operation: Callable[[torch.Tensor], torch.Tensor], least: tuple[int, ...]
) -> None:
    """Of a single one it is no number."""
    plan = build_plan(Between(operation), SPEC, verify=False)
    assert plan.least == least
    assert plan.floor() == (least or (1, 1))
