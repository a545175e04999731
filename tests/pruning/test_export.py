"""What is written for other runtimes computes the same, and the card says what it is."""

import random
from pathlib import Path

import pytest
import torch
from torch import nn

from pruning.card import Measured, model_card
from pruning.checkpoint import read_architecture, save_pruned
from pruning.errors import ExportError
from pruning.export import ExportFormat, export
from pruning.plan import Plan
from pruning.proof import random_selection
from pruning.slicing import slice_model


@pytest.mark.slow
@pytest.mark.parametrize("kind", ExportFormat)
@pytest.mark.parametrize("name", ["resnet", "vit"])
def test_a_pruned_model_comes_back_equal(
    name: str, kind: ExportFormat, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    model, plan = request.getfixturevalue(name), request.getfixturevalue(f"{name}_plan")
    pruned = slice_model(model, plan, random_selection(plan, random.Random(0)))
    exported = export(pruned, plan.spec.input_size, tmp_path / f"model.{kind}", kind)
    assert exported.path.is_file()
    assert exported.error < 1e-4


def test_a_model_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    class Branching(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1 if x.sum() > 0 else x - 1

    with pytest.raises(ExportError, match="cannot be written as pt2"):
        export(Branching(), (1, 2, 2), tmp_path / "model.pt2", ExportFormat.TORCH_EXPORT)


def test_a_file_that_computes_something_else_is_refused(tmp_path: Path) -> None:
    class Random(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.rand(3) + x.sum()

    with pytest.raises(ExportError, match="does not compute"):
        export(Random(), (1, 2, 2), tmp_path / "model.pt", ExportFormat.TORCHSCRIPT)


def test_the_card_states_what_is_known_and_what_is_not(resnet: nn.Module, resnet_plan: Plan, tmp_path: Path) -> None:
    selection = tuple(tuple(range(g.units // 2)) for g in resnet_plan.groups)
    folder = save_pruned(slice_model(resnet, resnet_plan, selection), resnet_plan, selection, tmp_path)
    known = Measured(dataset="digits", accuracy=0.987, base_accuracy=0.99, proposer="rules", strategy={"round_to": 8})
    card = model_card(read_architecture(folder), known)
    macs = resnet_plan.macs([len(units) for units in selection])
    assert f"| MACs | 2,658,432 | {macs:,} | 25.5% |" in card
    assert "| accuracy (digits) | 99.00% | 98.70% | 99.7% |" in card
    assert "not measured | not measured" in card
    assert "Proposed by: rules" in card
    assert "- round_to: `8`" in card
    assert "| layer4.1.conv1 | 64 |" in card
