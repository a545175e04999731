"""Tests of copies: they have weights and settings, but nothing that an earlier forward pass stored."""

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from pruning.cloning import clone_structure
from pruning.importance.registry import importance
from pruning.masks import without_masks
from pruning.models import ModelSpec, create_model
from pruning.planning import build_plan
from pruning.slicing import slice_model
from tests.pruning import field
from trainers.latency import measure_latency

SPEC = ModelSpec("toy", 5, (3, 16, 16))


@pytest.fixture
def trained() -> field.Keeper:
    """A model that has run forward and backward, and still holds its activations."""
    model = field.Keeper()
    model(torch.randn(2, *SPEC.image_size)).sum().backward()
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(model)
    return model


def test_activations_stay_behind(trained: field.Keeper) -> None:
    clone: Any = clone_structure(trained, {})
    assert (clone.map, clone.maps, clone.named) == (None, [], {})
    assert (len(clone.last), clone.last.maxlen) == (0, 2)
    assert clone.holder is not trained.holder
    assert clone.holder.map.numel() == 0
    assert trained.map is not None, "the original keeps what it has"
    assert len(trained.maps) == len(trained.named) == 1
    copy.deepcopy(clone)


def test_a_trained_model_that_keeps_activations_is_planned_and_cut(trained: field.Keeper) -> None:
    plan = build_plan(trained, SPEC)
    assert [group.units for group in plan.groups] == [16, 8]
    pruned = slice_model(trained, plan, (tuple(range(5)), tuple(range(3))))
    assert pruned(torch.randn(2, *SPEC.image_size)).shape == (2, 5)
    assert vars(pruned)["map"].shape == (2, 8, 8)
    batches = [(torch.randn(2, *SPEC.image_size), torch.tensor([0, 1]))]
    for name in ("l2", "taylor"):
        assert [len(scores) for scores in importance(name).scores(trained, plan, batches)] == [16, 8]
    assert measure_latency(trained, SPEC.image_size, batch_size=1, repeats=1).median_ms > 0


def masked() -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5)
    )
    prune.ln_structured(model[0], "weight", amount=0.25, n=2, dim=0)
    prune.l1_unstructured(model[2], "weight", amount=0.5)
    prune.random_unstructured(model[2], "bias", amount=2)
    return model


def test_masks_are_baked_into_a_copy() -> None:
    model = masked()
    plain = without_masks(model)
    assert set(plain.state_dict()) == {f"{layer}.{part}" for layer in (0, 2, 5) for part in ("weight", "bias")}
    image = torch.randn(2, *SPEC.image_size)
    assert torch.equal(plain(image), model(image))
    assert (plain.get_parameter("2.weight") == 0).sum() == plain.get_parameter("2.weight").numel() // 2
    assert hasattr(model[0], "weight_mask"), "the original stays masked"
    assert without_masks(plain) is plain


def test_a_masked_model_is_planned_scored_and_cut() -> None:
    model = masked()
    plan = build_plan(model, SPEC)
    assert [(group.name, group.units) for group in plan.groups] == [("0", 8), ("2", 6)]
    criterion = importance("l2")
    scores, unmasked = criterion.scores(model, plan), criterion.scores(without_masks(model), plan)
    assert all(torch.equal(a, b) for a, b in zip(scores, unmasked, strict=True))
    pruned = slice_model(model, plan, ((0, 1, 2), (0, 4)))
    assert torch.equal(pruned.get_parameter("0.weight"), without_masks(model).get_parameter("0.weight")[:3])


def test_a_factory_may_return_a_masked_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.pruning.field.masked", masked, raising=False)
    model = create_model(ModelSpec("tests.pruning.field:masked", 5, (3, 16, 16)))
    assert "0.weight" in model.state_dict()


class Caught(nn.Module):
    """A hook, which is a closure, keeps a feature map in a dict of the model, and the forward pass reads it there."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 1), nn.Conv2d(8, 2, 1)
        self.maps: dict[str, torch.Tensor] = {}
        maps = self.maps
        self.first.register_forward_hook(lambda _layer, _inputs, out: maps.__setitem__("first", out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.cat([self.first(x), self.maps["first"]], 1))


@pytest.mark.parametrize("ran", [False, True])
def test_a_hook_of_a_copy_keeps_what_it_catches_in_the_copy(ran: bool) -> None:
    model = Caught()
    if ran:
        model(torch.zeros(1, 3, 2, 2))
    before = dict(model.maps)
    copied = clone_structure(model, {})
    copied(torch.ones(3, 3, 2, 2))
    assert copied.maps["first"].shape[0] == 3
    assert model.maps == before
