"""Tests of importance: one contract for every criterion, and scores worked out by hand."""

import copy
import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from pruning.errors import CriterionError, UnknownCriterionError
from pruning.importance.base import Batches, Criterion
from pruning.importance.cache import cached_scores, content_key
from pruning.importance.gradients import losses
from pruning.importance.hessian import _probe
from pruning.importance.registry import CRITERIA, importance
from pruning.models import ModelSpec
from pruning.plan import Plan
from pruning.planning import build_plan
from tests.pruning.toys import Chain

# What a unit of the chain's first convolution owns.
OWNED = (("conv1.weight", 0), ("conv1.bias", 0), ("norm.weight", 0), ("norm.bias", 0), ("conv2.weight", 1))


@pytest.fixture(scope="module")
def batches() -> Batches:
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randn(4, 1, 32, 32, generator=generator), torch.randint(10, (4,), generator=generator)) for _ in range(2)
    ]


class CriterionContract:
    """What a search requires of every criterion."""

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


def test_lamp_by_hand(chain: tuple[nn.Module, Plan]) -> None:
    model, plan = chain
    squares = importance("l2").scores(model, plan)[0].double().square()
    expected = [s / squares[squares >= s].sum() for s in squares]
    scores = importance("lamp").scores(model, plan)[0].double()
    torch.testing.assert_close(scores, torch.stack(expected), rtol=1e-5, atol=0)


def test_fpgm_gives_a_copied_filter_less_than_a_lonely_one(chain: tuple[nn.Module, Plan]) -> None:
    model, plan = chain
    with torch.no_grad():
        for name, dim in OWNED:
            weight = model.get_parameter(name).transpose(0, dim)
            weight[1] = weight[2] = weight[0]
            weight[7] *= 10
    scores = importance("fpgm").scores(model, plan)[0]
    torch.testing.assert_close(scores[0], scores[1])
    assert scores[0] < scores[7]
    assert scores.argmax() == 7


def test_taylor_by_hand(chain: tuple[nn.Module, Plan]) -> None:
    """Compared with the change of the loss when a unit's weights are scaled by 1 + ε, in float64."""
    model, plan = chain[0].double(), chain[1]
    images, labels = torch.randn(6, 3, 8, 8, dtype=torch.float64), torch.arange(6) % 5
    score = importance("taylor").scores(model, plan, [(images, labels)])[0][3].item()
    step = 1e-6
    before = nn.functional.cross_entropy(model(images), labels)
    with torch.no_grad():
        for name, dim in OWNED:
            model.get_parameter(name).transpose(0, dim)[3] *= 1 + step
    slope = (nn.functional.cross_entropy(model(images), labels) - before).item() / step
    assert score == pytest.approx(slope**2, rel=1e-4)


def test_the_hessian_s_diagonal_is_exact_where_the_hessian_is_diagonal() -> None:
    """A loss with a diagonal Hessian: any signs give `z · Hz = h`."""
    layer = nn.Linear(3, 1, bias=False)
    curvature = torch.tensor([1.0, 2.0, 5.0])
    loss = (0.5 * curvature * layer.weight.square()).sum()
    first = {"weight": torch.autograd.grad(loss, layer.weight, create_graph=True)[0]}
    torch.testing.assert_close(_probe(layer, first, torch.Generator())["weight"][0], curvature)


def test_scores_are_cached_by_content(
    resnet: nn.Module, resnet_plan: Plan, batches: Batches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cached_scores("l1", resnet, resnet_plan, folder=tmp_path)
    monkeypatch.setattr(Criterion, "scores", lambda *_: pytest.fail("scored again"))
    again = cached_scores("l1", resnet, resnet_plan, batches, folder=tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert len(list(tmp_path.iterdir())) == 1


def test_other_weights_data_or_criteria_have_other_keys(resnet: nn.Module, resnet_plan: Plan, batches: Batches) -> None:
    keys = [content_key(name, resnet, resnet_plan, data) for name in ("l1", "l2") for data in (None, batches)]
    other = copy.deepcopy(resnet)
    with torch.no_grad():
        next(other.parameters())[0, 0, 0, 0] += 1
    keys.append(content_key("l1", other, resnet_plan, None))
    assert len(set(keys)) == 5


def test_the_loss_is_of_the_mean_of_the_heads_or_of_the_one_named() -> None:
    class TwoHeads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(2.0))

        def forward(self, x: torch.Tensor) -> dict[str, object]:
            x = x.flatten(1)
            return {"features": [x[:, :1]], "logits": x, "second": self.scale * x}

    images, labels = torch.randn(3, 1, 2, 2), torch.tensor([0, 1, 3])
    for name, scale in ((None, 1.5), ("logits", 1.0), ("second", 2.0)):
        (loss,) = losses(TwoHeads(), [(images, labels)], name)
        torch.testing.assert_close(loss, nn.functional.cross_entropy(scale * images.flatten(1), labels))


def test_another_output_has_other_scores(resnet: nn.Module, resnet_plan: Plan) -> None:
    named = dataclasses.replace(resnet_plan, spec=dataclasses.replace(resnet_plan.spec, output="second"))
    assert content_key("taylor", resnet, named, None) != content_key("taylor", resnet, resnet_plan, None)
