"""Tests of exported files, which compute the same as the module, and of the model card."""

import random
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from pruning.card import Measured, model_card
from pruning.checkpoint import read_architecture, save_pruned
from pruning.errors import ExportError
from pruning.export import ExportFormat, difference, export
from pruning.plan import Plan
from pruning.proof import random_selection
from pruning.slicing import slice_model
from tests.trainers.structured import Answer, hugging_face


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


Forms = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], object]


class Formed(nn.Module):
    """Returns logits, a feature map and the image in a given structure."""

    def __init__(self, form: Forms) -> None:
        super().__init__()
        self.conv, self.head, self.form = nn.Conv2d(1, 4, 3), nn.Linear(4, 5), form

    def forward(self, x: torch.Tensor) -> object:
        low = torch.relu(self.conv(x))
        return self.form(self.head(low.mean((2, 3))), low, x)


FORMS: dict[str, tuple[Forms, list[str]]] = {
    "tuple": (lambda y, low, x: (y, low), ["0", "1"]),
    "list in a tuple": (lambda y, low, x: (y, [low, x]), ["0", "1.0", "1.1"]),
    "dict out of order": (lambda y, low, x: {"z": y, "a": low}, ["z", "a"]),
    "dict in a dict": (lambda y, low, x: {"logits": y, "f": {"p1": low}}, ["logits", "f.p1"]),
    "names that the exporter takes": (lambda y, low, x: {"relu": low, "image": y}, ["relu", "image"]),
    "dataclass": (lambda y, low, x: Answer(y, low), ["logits", "low"]),
    "one of a class of its own": (lambda y, low, x: OrderedDict(out=y), ["logits"]),
    "one twice, and none": (lambda y, low, x: (y, None, y, low), ["0", "3"]),
    "indices": (lambda y, low, x: (y.argmax(1), y > 0), ["0", "1"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_tensor_of_the_output_is_written_under_its_name(form: str, tmp_path: Path) -> None:
    import onnxruntime

    make, names = FORMS[form]
    module = Formed(make)
    for kind in ExportFormat:
        assert export(module, (1, 6, 6), tmp_path / f"model.{kind}", kind).error < 1e-4
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == names
    scripted, exported = torch.jit.load(str(tmp_path / "model.torchscript")), torch.export.load(tmp_path / "model.pt2")
    kinds = (torch.Tensor,) if names == ["logits"] else (tuple,) if form in ("tuple", "indices") else (dict,)
    assert isinstance(scripted(torch.ones(1, 1, 6, 6)), kinds)
    assert isinstance(exported.module()(torch.ones(1, 1, 6, 6)), kinds)


@pytest.mark.parametrize("kind", ExportFormat)
def test_a_hugging_face_model_is_written_as_one_that_returns_its_logits(kind: ExportFormat, tmp_path: Path) -> None:
    torch.manual_seed(0)
    assert export(hugging_face(5, 1), (1, 32, 32), tmp_path / f"model.{kind}", kind).error < 1e-4


def test_every_tensor_is_compared(tmp_path: Path) -> None:
    random_map = Formed(lambda y, low, x: {"logits": y, "deep": {"low": torch.rand(1, 4)}})
    with pytest.raises(ExportError, match="does not compute"):
        export(random_map, (1, 6, 6), tmp_path / "model.pt", ExportFormat.TORCHSCRIPT)
    module = Formed(lambda y, low, x: (y, [low]))
    other = Formed(lambda y, low, x: (y, [low + 1]))
    other.load_state_dict(module.state_dict())
    assert difference(module, module, (1, 6, 6)) == 0
    assert difference(module, other, (1, 6, 6)) > 0.1
    other.form = lambda y, low, x: (y, [low[:, :1]])
    assert difference(module, other, (1, 6, 6)) == float("inf")
    other.form = lambda y, low, x: (y, low)
    assert difference(module, other, (1, 6, 6)) == float("inf")
    other.form = lambda y, low, x: (y, [low / 0])
    assert difference(module, other, (1, 6, 6)) == float("inf")


def test_a_model_without_a_tensor_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="returns a list without a tensor"):
        export(Formed(lambda y, low, x: [None]), (1, 6, 6), tmp_path / "model.pt2", ExportFormat.TORCH_EXPORT)


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
