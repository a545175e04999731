"""What a plan says about the units that it cannot cut."""

import torch
from torch import nn
from torch.nn import functional as F

from pruning.models import ModelSpec
from pruning.plan import Plan
from pruning.planning import build_plan
from tests.pruning.field import Mixed

SPEC = ModelSpec("toy", 5, (3, 16, 16))


class Recurrent(Mixed):
    """An LSTM over the columns between the convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(16 * 8, 16 * 8, batch_first=True)

    def between(self, x: torch.Tensor) -> torch.Tensor:
        columns = x.permute(0, 3, 1, 2).flatten(2)
        return self.rnn(columns)[0].unflatten(2, (16, 8)).permute(0, 2, 3, 1)


class Literal(nn.Module):
    """The first network of many tutorials: the width after the convolutions is a literal."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 8, 3, 2, 1)
        self.hidden, self.head = nn.Linear(8 * 4 * 4, 20), nn.Linear(20, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.two(F.relu(self.one(x)))).view(-1, 8 * 4 * 4)
        return self.head(F.relu(self.hidden(x)))


def test_the_macs_out_of_reach_are_those_that_the_fixed_units_keep() -> None:
    """With one unit in each group the network costs 64·27 + 16·9·8 + 128·1 + 1·5; with `two` at 1 as well, less."""
    plan = build_plan(Literal(), SPEC)
    assert {group.name: group.units for group in plan.groups} == {"one": 6, "hidden": 20}
    two, head = plan.fixed
    assert (two.name, two.units, head.name, head.units) == ("two", 8, "head", 5)
    assert plan.floor_macs() == 64 * 27 + 16 * 9 * 8 + 128 + 5
    assert two.macs_out_of_reach == 16 * 9 * 7 + 16 * 7
    assert head.macs_out_of_reach == 4
    assert plan.macs_out_of_reach == 16 * 9 * 7 + 16 * 7 + 4
    assert "something else" in two.reason
    assert head.reason == "the model returns it"


def test_what_a_recurrent_layer_fixes_leaves_the_rest_free() -> None:
    plan = build_plan(Recurrent(), SPEC)
    assert {group.name: group.units for group in plan.groups} == {"first": 16, "second": 8}
    assert [fixed.name for fixed in plan.fixed] == ["rnn", "head"]
    assert plan.macs_out_of_reach > 0


def test_what_is_fixed_by_nature_is_not_listed() -> None:
    """The channels of the image, pixels and kernels: nobody would cut them."""
    plan = build_plan(Mixed(), SPEC)
    assert [(fixed.name, fixed.units) for fixed in plan.fixed] == [("head", 5)]
    assert plan.macs_out_of_reach == 4


def test_a_fixed_factor_beside_free_ones_keeps_no_unit_and_is_not_listed(vit_plan: Plan) -> None:
    """The three of queries, keys and values are taken one by one; heads and their dims can be cut."""
    assert [fixed.name for fixed in vit_plan.fixed] == ["head"]


def test_one_set_of_units_is_listed_once_wherever_it_reaches() -> None:
    class Twice(Mixed):
        """The fixed channels pass two layers more."""

        def __init__(self) -> None:
            super().__init__()
            self.norm, self.depthwise = nn.BatchNorm2d(16), nn.Conv2d(16, 16, 3, padding=1, groups=16)

        def between(self, x: torch.Tensor) -> torch.Tensor:
            return self.depthwise(self.norm(x.cumsum(1)))

    plan = build_plan(Twice(), SPEC)
    listed = [(fixed.name, fixed.units, fixed.operation) for fixed in plan.fixed]
    assert listed == [("first", 16, "aten.cumsum.default"), ("head", 5, "output")]
