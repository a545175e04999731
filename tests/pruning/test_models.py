"""Tests of creating models by name, and of the errors for unknown names."""

import pickle
import sys
from pathlib import Path

import pytest
import torch

from pruning.errors import ModelCreationError, UnknownModelError, UnsupportedModelError
from pruning.models import ModelSpec, create_model


@pytest.mark.parametrize(
    ("name", "size", "parameter"),
    [
        ("resnet18_quarter", (1, 32, 32), "conv1.0.weight"),
        ("vit_quarter", (3, 32, 32), "patch_embed.proj.weight"),
        ("resnet18", (1, 64, 64), "conv1.weight"),
        ("torchvision:resnet18", (3, 64, 64), "conv1.weight"),
        ("squeezenet1_1", (3, 64, 64), "features.0.weight"),
    ],
)
def test_names_become_modules(name: str, size: tuple[int, int, int], parameter: str) -> None:
    model = create_model(ModelSpec(name, 7, size))
    assert not model.training
    assert dict(model.named_parameters())[parameter].shape[1] == size[0]
    with torch.inference_mode():
        assert model(torch.zeros(1, *size)).shape == (1, 7)


def test_a_fixed_size_model_takes_the_size_that_is_asked() -> None:
    model = create_model(ModelSpec("deit_tiny_patch16_224", 7, (3, 64, 64)))
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 7)


def test_near_misses_are_offered() -> None:
    with pytest.raises(UnknownModelError, match="resnet18_quarter") as error:
        create_model(ModelSpec("resnet18_quater", 10, (1, 32, 32)))
    assert "resnet18_quarter" in error.value.near


def test_published_weights_that_are_not_there_are_an_error() -> None:
    with pytest.raises(ModelCreationError, match="no published weights"):
        create_model(ModelSpec("resnet18_quarter", 10, (1, 32, 32)), pretrained=True)


@pytest.fixture
def factories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_models.py").write_text(
        "from torch import nn\n"
        "def good(num_classes): return nn.Sequential(nn.Flatten(), nn.Linear(48, num_classes))\n"
        "def raises(): raise KeyError('no such width')\n"
        "def number(): return 3\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_models", raising=False)
    return "own_models"


def test_a_factory_of_the_user(factories: str) -> None:
    model = create_model(ModelSpec(f"{factories}:good", 4, (3, 4, 4)))
    assert model(torch.zeros(1, 3, 4, 4)).shape == (1, 4)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        ("raises", ModelCreationError, "KeyError: 'no such width'"),
        ("number", ModelCreationError, "returned a int"),
        ("missing", UnknownModelError, "own_models:missing"),
    ],
)
def test_a_factory_that_fails(factories: str, function: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        create_model(ModelSpec(f"{factories}:{function}", 4, (3, 4, 4)))


def test_specs_survive_json() -> None:
    spec = ModelSpec("resnet50", 1000, (3, 224, 224))
    assert ModelSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    "error",
    [UnknownModelError("a", ("b",)), UnsupportedModelError("layer", "op"), ModelCreationError("a", "b")],
)
def test_errors_survive_pickling(error: Exception) -> None:
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own bytes
