"""One contract for every criterion, and for each the number that its formula gives by hand."""

import pytest
import torch
from torch import nn

from pruning.errors import CriterionError, UnknownCriterionError
from pruning.importance.base import Batches, Criterion
from pruning.importance.registry import CRITERIA, importance
from pruning.models import ModelSpec
from pruning.plan import Plan, build_plan
from tests.pruning.toys import Chain


@pytest.fixture(scope="module")
def batches() -> Batches:
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randn(4, 1, 32, 32, generator=generator), torch.randint(10, (4,), generator=generator)) for _ in range(2)
    ]


class CriterionContract:
    """What a search relies on, whatever the criterion."""

    @pytest.fixture
    def criterion(self) -> Criterion:
        raise NotImplementedError

    def test_scores_every_unit_with_a_finite_number(
        self, criterion: Criterion, resnet: nn.Module, resnet_plan: Plan, batches: Batches
    ) -> None:
        scores = criterion.scores(resnet, resnet_plan, batches)
        assert [len(score) for score in scores] == [group.units for group in resnet_plan.groups]
        for score in scores:
            assert score.dtype is torch.float32
            assert torch.isfinite(score).all()
            assert (score >= 0).all()
            assert not score.requires_grad

    def test_is_deterministic(
        self, criterion: Criterion, resnet: nn.Module, resnet_plan: Plan, batches: Batches
    ) -> None:
        first, second = (criterion.scores(resnet, resnet_plan, batches) for _ in range(2))
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))

    def test_leaves_the_model_as_it_was(
        self, criterion: Criterion, resnet: nn.Module, resnet_plan: Plan, batches: Batches
    ) -> None:
        resnet.train()
        before = {name: tensor.clone() for name, tensor in resnet.state_dict().items()}
        criterion.scores(resnet, resnet_plan, batches)
        assert all(torch.equal(before[name], tensor) for name, tensor in resnet.state_dict().items())
        assert all(parameter.grad is None and parameter.requires_grad for parameter in resnet.parameters())
        assert all(module.training for module in resnet.modules())
        resnet.eval()

    def test_says_so_when_it_needs_data(self, criterion: Criterion, resnet: nn.Module, resnet_plan: Plan) -> None:
        if criterion.needs_batches:
            with pytest.raises(CriterionError, match="at least one batch"):
                criterion.scores(resnet, resnet_plan)
        else:
            criterion.scores(resnet, resnet_plan)

    def test_scores_attention_too(self, criterion: Criterion, vit: nn.Module, vit_plan: Plan) -> None:
        generator = torch.Generator().manual_seed(0)
        batches = [(torch.randn(4, 3, 32, 32, generator=generator), torch.arange(4))]
        scores = criterion.scores(vit, vit_plan, batches)
        assert [len(score) for score in scores] == [group.units for group in vit_plan.groups]


@pytest.mark.parametrize("name", CRITERIA)
class TestEveryCriterion(CriterionContract):
    @pytest.fixture
    def criterion(self, name: str) -> Criterion:
        return importance(name)


@pytest.fixture
def chain() -> tuple[nn.Module, Plan]:
    torch.manual_seed(0)
    model = Chain().eval()
    return model, build_plan(model, ModelSpec("toy", 5, (3, 8, 8)))


def test_magnitudes_by_hand(chain: tuple[nn.Module, Plan]) -> None:
    """Unit u of conv1 owns a filter, a bias, a norm's weight and bias, and a column of conv2."""
    model, plan = chain
    p = dict(model.named_parameters())
    owned = [
        torch.cat([
            p["conv1.weight"][u].flatten(), p["conv1.bias"][u : u + 1], p["norm.weight"][u : u + 1],
            p["norm.bias"][u : u + 1], p["conv2.weight"][:, u].flatten(),
        ])
        for u in range(8)
    ]  # fmt: skip
    l1, l2 = importance("l1").scores(model, plan)[0], importance("l2").scores(model, plan)[0]
    torch.testing.assert_close(l1, torch.stack([x.abs().sum() for x in owned]))
    torch.testing.assert_close(l2, torch.stack([x.norm() for x in owned]))


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(UnknownCriterionError, match="l1, l2"):
        importance("magic")
