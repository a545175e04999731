"""Tests of the oracle for every operation: it names the one that does something else in a sliced model."""

import dataclasses
from unittest import mock

import pytest
import torch
from torch import nn

from pruning.errors import UnsupportedModelError
from pruning.following import shadow_of
from pruning.models import ModelSpec
from pruning.oracles import Oracles
from pruning.plan import AttributeCut, Plan
from pruning.planning import build_plan
from pruning.proof import prove, rounds
from pruning.rules.pointwise import same_shape
from pruning.rules.table import RULES
from pruning.settling import probes, settle_plan, unsettled_plan
from pruning.trace import trace
from tests.pruning import field

SPEC = ModelSpec("toy", 5, (3, 16, 16))


def rubbish(plan: Plan, model: nn.Module, *, training: bool = False) -> float:
    return Oracles(plan, model, probes(plan)[1], training=training).rubbish_error()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ["resnet", "vit"])
def test_a_sound_plan_computes_the_same_at_every_operation(
    name: str, training: bool, request: pytest.FixtureRequest
) -> None:
    model, plan = request.getfixturevalue(name), request.getfixturevalue(f"{name}_plan")
    assert rubbish(plan, model, training=training) < 1e-12


@pytest.mark.parametrize(
    "model", [field.AttributeSlice(), field.Tuned(), field.Margin(), field.Encoder(), field.LiteralMask()]
)
def test_a_sound_plan_of_a_users_network_computes_the_same(model: nn.Module) -> None:
    assert rubbish(build_plan(model, SPEC, verify=False), model) < 1e-12


def test_a_temperature_that_follows_the_heads_is_found_where_it_is_used() -> None:
    model = field.Tuned()
    plan = build_plan(model, SPEC)
    heads = next(cut for cut in plan.attributes if cut.attribute == "heads")
    wrong = AttributeCut("attention", "temperature", None, heads.owner)
    broken = dataclasses.replace(plan, attributes=(*plan.attributes, wrong))
    with pytest.raises(UnsupportedModelError, match=r"'attention'.*aten\.mul"):
        rubbish(broken, model)
    with pytest.raises(UnsupportedModelError, match="its argument other is 8 in the whole model"):
        prove(broken, model)


@pytest.mark.parametrize("model", [field.LiteralSlice(), field.LiteralWrite(), field.LastFour(), field.LiteralNarrow()])
def test_a_plan_that_was_not_settled_is_refused(model: nn.Module) -> None:
    """Its groups of 4 and 12 do not fit the literal bounds in the model's code."""
    plan = unsettled_plan(trace(model, SPEC.input_size), shadow_of(model), SPEC)
    with pytest.raises(UnsupportedModelError):
        rubbish(plan, model)
    with pytest.raises(UnsupportedModelError):
        prove(plan, model)


def test_a_reordering_taken_for_an_operation_on_each_channel_is_found() -> None:
    model = field.Flip(1)
    with mock.patch.dict(RULES, {"flip": same_shape}):
        plan = settle_plan(trace(model, SPEC.input_size), shadow_of(model), SPEC)
        assert [group.units for group in plan.groups] == [16, 8]
        with pytest.raises(UnsupportedModelError, match=r"aten\.flip"):
            rubbish(plan, model)


def test_rubbish_shows_an_order_that_equal_channels_would_hide() -> None:
    class Equal(field.Flip):
        def between(self, x: torch.Tensor) -> torch.Tensor:
            return torch.flip(x.mean(1, keepdim=True) + 0 * x, self.dims)

    model = Equal(1)
    with mock.patch.dict(RULES, {"flip": same_shape}):
        plan = settle_plan(trace(model, SPEC.input_size), shadow_of(model), SPEC)
        assert 16 in [group.units for group in plan.groups]
        with pytest.raises(UnsupportedModelError, match=r"aten\.flip"):
            rubbish(plan, model)


class Narrow(nn.Module):
    """Two layers of two units each."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.head = nn.Linear(3, 2), nn.Linear(2, 2), nn.Linear(2, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.two(torch.tanh(self.one(x.mean((2, 3)))))))


def test_groups_of_few_units_are_reordered_in_turns() -> None:
    """A bias that follows the wrong group of two units shows only if one of the two groups is not reordered.

    There is one way to reorder two units, so the bias moves along. The cut hides the fault as well if it keeps the same
    unit in both groups.
    """
    model = Narrow()
    plan = build_plan(model, SPEC)
    one, two = (plan.parameters[f"{layer}.weight"][0] for layer in ("one", "two"))
    assert [group.units for group in plan.groups] == [2, 2]
    assert one != two
    broken = dataclasses.replace(plan, parameters={**plan.parameters, "one.bias": (two,)})
    oracles = Oracles(broken, model, ((0,), (0,)))
    assert oracles.permutation_error() < 1e-12
    assert oracles.rubbish_error() < 1e-12
    assert max(oracles.permutation_error(some) for some in rounds(broken)) > 1e-3


def test_of_any_two_groups_of_few_units_some_round_reorders_one(vit_plan: Plan) -> None:
    few = [group.index for group in vit_plan.groups if group.units <= 4]
    turns = [set(some) for some in rounds(vit_plan) if some is not None]
    assert len(few) > 2
    assert all(any((a in some) != (b in some) for some in turns) for a in few for b in few if a != b)


def test_an_output_that_a_plan_cuts_is_found() -> None:
    model = field.PyramidDict()
    with mock.patch("pruning.trace.named_tensors", return_value={}):
        plan = unsettled_plan(trace(model, SPEC.input_size), shadow_of(model), SPEC)
    assert [group.units for group in plan.groups] == [6, 8, 12, 5]
    with pytest.raises(UnsupportedModelError, match="the model's output"):
        prove(plan, model)


def test_a_plan_without_the_training_pass_is_refused() -> None:
    model = field.Auxiliary()
    plan = settle_plan(trace(model, SPEC.input_size, training=False), shadow_of(model), SPEC)
    with pytest.raises(UnsupportedModelError, match="training pass"):
        prove(plan, model)


def test_a_training_pass_taken_for_the_eval_pass_is_found() -> None:
    model = field.Auxiliary()
    found = trace(model, SPEC.input_size, training=False)
    found.passes[True] = found.passes[False]
    with pytest.raises(UnsupportedModelError):
        prove(unsettled_plan(found, shadow_of(model), SPEC), model)


def test_a_number_that_no_forward_pass_reads_is_found_too() -> None:
    """A group norm never reads its `num_channels`."""

    class Grouped(field.Mixed):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.GroupNorm(1, 16)

        def between(self, x: torch.Tensor) -> torch.Tensor:
            return self.norm(x)

    plan = build_plan(Grouped(), SPEC)
    rest = tuple(cut for cut in plan.attributes if cut.attribute != "num_channels")
    with pytest.raises(UnsupportedModelError, match="its num_channels is 16 and its weights say"):
        prove(dataclasses.replace(plan, attributes=rest), Grouped())
