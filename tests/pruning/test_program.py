"""A program computes what its module does, for any number of images where the module can be traced so."""

from pathlib import Path

import pytest
import torch
from torch import nn

from pruning.checkpoint import PrunedModel, load_pruned
from pruning.errors import ExportError
from pruning.models import ModelSpec
from pruning.program import write_program
from tests.trainers.pruned import pruned_checkpoint

SIZE = (3, 8, 8)


def model_of(module: nn.Module, output: str | None = None) -> PrunedModel:
    params = sum(parameter.numel() for parameter in module.parameters())
    return PrunedModel(module, ModelSpec("a:b", 5, SIZE, output), 1, params, (), {})


class Heads(nn.Module):
    """Returns more than its logits."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.first, self.second = nn.Linear(4, 5), nn.Linear(4, 7)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        pooled = self.norm(self.trunk(images)).mean((2, 3))
        return {"aux": self.second(pooled), "logits": self.first(pooled)}


class ForOne(nn.Module):
    """Computes for one image only, as some models of others do."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3 * 8 * 8, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(images.reshape(1, -1))
        return logits


class Untraceable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3 * 8 * 8, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(images.flatten(1))
        return logits if logits.sum() > 0 else -logits


def opened(path: Path, images: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = torch.export.load(path).module()(images)
    return found


def test_a_pruned_model_takes_any_number_of_images(tmp_path: Path) -> None:
    pruned = load_pruned(pruned_checkpoint(tmp_path / "model"))
    made = write_program(pruned, tmp_path / "model.pt2")
    assert (made.input_size, made.classes, made.batch) == ((1, 32, 32), 10, None)
    for count in (1, 4):
        images = torch.randn(count, 1, 32, 32)
        with torch.no_grad():
            assert torch.allclose(opened(made.path, images), pruned.module(images), atol=1e-5)


def test_it_returns_the_logits_that_are_named_and_is_in_eval_mode(tmp_path: Path) -> None:
    module, images = Heads().train(), torch.randn(2, *SIZE)
    made = write_program(model_of(module), tmp_path / "a.pt2")
    other = write_program(model_of(module, "aux"), tmp_path / "b.pt2")
    assert (made.classes, other.classes) == (5, 7)
    with torch.no_grad():
        expected = module.eval()(images)
        assert torch.allclose(opened(made.path, images), expected["logits"], atol=1e-6)
        assert torch.allclose(opened(other.path, images), expected["aux"], atol=1e-6)


def test_a_module_that_is_bound_to_one_image_says_so(tmp_path: Path) -> None:
    module = ForOne()
    made = write_program(model_of(module), tmp_path / "one.pt2")
    assert made.batch == 1
    image = torch.randn(1, *SIZE)
    with torch.no_grad():
        assert torch.allclose(opened(made.path, image), module(image), atol=1e-6)


def test_what_cannot_be_traced_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="this model cannot be traced"):
        write_program(model_of(Untraceable()), tmp_path / "none.pt2")
