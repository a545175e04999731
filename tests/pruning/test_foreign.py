"""Tests of published weights: they are opened by their shapes, and code in them runs only with explicit trust."""

import random
from pathlib import Path

import pytest
import torch
from torch import nn

from pruning.errors import CheckpointError
from pruning.foreign import open_pickled_module, open_state_dict
from pruning.models import ModelSpec
from pruning.plan import Plan
from pruning.proof import random_selection
from pruning.slicing import slice_model
from tests.pruning.conftest import RESNET, VIT


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}}])
def test_a_resnet_opens_by_its_shapes(resnet: nn.Module, resnet_plan: Plan, tmp_path: Path, wrap: object) -> None:
    selection = random_selection(resnet_plan, random.Random(2))
    published = slice_model(resnet, resnet_plan, selection)
    torch.save(wrap(published.state_dict()), tmp_path / "clean.pth")  # type: ignore[operator]
    opened = open_state_dict(tmp_path / "clean.pth", RESNET)
    image = torch.randn(2, 1, 32, 32)
    assert torch.equal(opened.module(image), published(image))
    assert opened.macs == resnet_plan.macs([len(units) for units in selection])
    assert [len(units) for units in opened.selection] == [len(units) for units in selection]


def test_dims_and_widths_of_a_transformer_open_by_their_shapes(vit: nn.Module, vit_plan: Plan, tmp_path: Path) -> None:
    selection = tuple(
        units if "[heads]" not in g.name else tuple(range(g.units))
        for g, units in zip(vit_plan.groups, random_selection(vit_plan, random.Random(2)), strict=True)
    )
    published = slice_model(vit, vit_plan, selection)
    torch.save(published.state_dict(), tmp_path / "clean.pth")
    opened = open_state_dict(tmp_path / "clean.pth", VIT)
    assert opened.params == sum(p.numel() for p in published.parameters())
    image = torch.randn(2, 3, 32, 32)
    assert torch.equal(opened.module(image), published(image))


def test_shapes_that_fit_no_plan_are_refused(resnet: nn.Module, tmp_path: Path) -> None:
    state = resnet.state_dict()
    state["layer2.0.bn1.weight"] = state["layer2.0.bn1.weight"][:-1]
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(CheckpointError, match=r"no pruning of resnet18_quarter: .* where the other"):
        open_state_dict(tmp_path / "odd.pth", RESNET)


def test_another_architecture_is_refused(vit: nn.Module, tmp_path: Path) -> None:
    torch.save(vit.state_dict(), tmp_path / "vit.pth")
    with pytest.raises(CheckpointError, match="no state dict of resnet18_quarter: of its keys 112 of 134"):
        open_state_dict(tmp_path / "vit.pth", RESNET)


def test_other_classes_are_refused(resnet: nn.Module, tmp_path: Path) -> None:
    torch.save(resnet.state_dict(), tmp_path / "ten.pth")
    with pytest.raises(CheckpointError, match=r"has a head for 10 classes, and 7 are needed"):
        open_state_dict(tmp_path / "ten.pth", ModelSpec("resnet18_quarter", 7, (1, 32, 32)))


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04torn"])
def test_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match="not a state dict"):
        open_state_dict(tmp_path / "bad.pth", RESNET)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no file"):
        open_state_dict(tmp_path / "none.pth", RESNET)


def test_a_pickled_module_needs_trust(resnet: nn.Module, resnet_plan: Plan, tmp_path: Path) -> None:
    path = tmp_path / "whole.pt"
    torch.save(resnet, path)
    with pytest.raises(CheckpointError, match="--trust-pickle"):
        open_state_dict(path, RESNET)
    with pytest.raises(CheckpointError, match="--trust-pickle"):
        open_pickled_module(path, RESNET, trust_pickle=False)
    opened = open_pickled_module(path, RESNET, trust_pickle=True)
    assert opened.macs == resnet_plan.baseline_macs


def test_a_pickle_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "note": "hello"}, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="not a torch module"):
        open_pickled_module(tmp_path / "other.pt", RESNET, trust_pickle=True)
    with pytest.raises(CheckpointError, match="not a plain dict of tensors"):
        open_state_dict(tmp_path / "other.pt", RESNET)
