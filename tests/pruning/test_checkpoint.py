"""Tests of checkpoints: they are equal in a new process, and damaged ones are refused with the reason."""

import dataclasses
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from pruning.card import model_card
from pruning.checkpoint import (
    ARCHITECTURE,
    WEIGHTS,
    load_pruned,
    load_pruned_by,
    read_architecture,
    save_pruned,
)
from pruning.errors import CheckpointError
from pruning.models import ModelSpec
from pruning.plan import Plan
from pruning.planning import build_plan
from pruning.preprocessing import DEFAULT
from pruning.proof import random_selection
from pruning.slicing import slice_model
from tests.pruning.toys import Chain
from tests.synced import needs_names, note_syncs


@pytest.fixture
def saved(resnet: nn.Module, resnet_plan: Plan, tmp_path: Path) -> tuple[Path, nn.Module]:
    selection = random_selection(resnet_plan, random.Random(0))
    pruned = slice_model(resnet, resnet_plan, selection)
    return save_pruned(pruned, resnet_plan, selection, tmp_path / "out", recipe={"proposer": "rules"}), pruned


def test_comes_back_equal(saved: tuple[Path, nn.Module], resnet_plan: Plan) -> None:
    folder, pruned = saved
    loaded = load_pruned(folder)
    image = torch.randn(2, 1, 32, 32)
    assert torch.equal(loaded.module(image), pruned(image))
    assert loaded.macs == resnet_plan.macs([len(units) for units in loaded.selection])
    assert loaded.params == sum(p.numel() for p in loaded.module.parameters())
    assert loaded.spec == resnet_plan.spec
    assert loaded.metadata["recipe"] == {"proposer": "rules"}


@pytest.mark.slow
def test_comes_back_in_a_fresh_process(saved: tuple[Path, nn.Module]) -> None:
    folder, pruned = saved
    script = (
        "import sys, torch; from pruning.checkpoint import load_pruned; "
        "print(load_pruned(sys.argv[1]).module(torch.ones(1, 1, 32, 32)).double().sum().item())"
    )
    run = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True)
    assert float(run.stdout) == pytest.approx(pruned(torch.ones(1, 1, 32, 32)).double().sum().item(), abs=1e-5)


def test_both_files_have_the_same_permissions(saved: tuple[Path, nn.Module]) -> None:
    folder, _ = saved
    assert (folder / WEIGHTS).stat().st_mode == (folder / ARCHITECTURE).stat().st_mode


@needs_names
def test_a_power_cut_leaves_a_whole_checkpoint_or_none(
    resnet: nn.Module, resnet_plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new folder has its name once both files are on the disk; in one that is there, each file has."""
    selection = random_selection(resnet_plan, random.Random(0))
    pruned = slice_model(resnet, resnet_plan, selection)
    synced = note_syncs(monkeypatch)
    save_pruned(pruned, resnet_plan, selection, tmp_path / "out")
    assert sorted(synced[:2]) == [ARCHITECTURE, WEIGHTS]
    assert synced[3:] == ["-> out", tmp_path.name]
    synced.clear()
    save_pruned(pruned, resnet_plan, selection, tmp_path / "out")
    assert synced[1:3] == [f"-> {WEIGHTS}", "out"]
    assert synced[4:] == [f"-> {ARCHITECTURE}", "out"]
    assert all(name.endswith(".draft") for name in (synced[0], synced[3]))


def _edit(**changes: object) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / ARCHITECTURE
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return edit


def _truncate(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[: len(data) // 2])


def _drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_truncate, "its hash differs"),
        (_drop(WEIGHTS), "needs both"),
        (_drop(ARCHITECTURE), "needs both"),
        (_edit(macs=1), "its own hash differs"),
        (_edit(schema=7), "not an architecture of schema 1: schema"),
        (_edit(spec="resnet"), "not an architecture of schema 1: spec"),
        (lambda folder: (folder / ARCHITECTURE).write_text("{"), "is not JSON"),
        (lambda folder: (folder / ARCHITECTURE).write_bytes(b"\xff\xfe"), "is not JSON"),
        (lambda folder: (folder / ARCHITECTURE).write_text("[]"), "not an architecture"),
    ],
)
def test_damage_is_named(saved: tuple[Path, nn.Module], damage: Callable[[Path], None], message: str) -> None:
    folder, _ = saved
    damage(folder)
    with pytest.raises(CheckpointError, match=message):
        load_pruned(folder)


def test_a_module_of_another_selection_is_not_saved(resnet: nn.Module, resnet_plan: Plan, tmp_path: Path) -> None:
    selection = random_selection(resnet_plan, random.Random(0))
    with pytest.raises(CheckpointError, match="pass the selection"):
        save_pruned(resnet, resnet_plan, selection, tmp_path)


def test_the_document_can_be_read_alone(saved: tuple[Path, nn.Module]) -> None:
    document = read_architecture(saved[0])
    assert document.allocation == [len(units) for units in document.selection]


def test_the_name_of_the_logits_is_kept_where_there_is_one(
    saved: tuple[Path, nn.Module], resnet: nn.Module, resnet_plan: Plan, tmp_path: Path
) -> None:
    assert "output" not in json.loads((saved[0] / ARCHITECTURE).read_text())["spec"]
    named = dataclasses.replace(resnet_plan, spec=dataclasses.replace(resnet_plan.spec, output="heads.0"))
    full = tuple(tuple(range(group.units)) for group in named.groups)
    loaded = load_pruned(save_pruned(resnet, named, full, tmp_path / "named"))
    assert loaded.spec == named.spec == ModelSpec.from_json(named.spec.to_json())
    assert loaded.metadata["spec"]["output"] == "heads.0"
    assert "output" not in load_pruned(saved[0]).metadata["spec"]


def test_the_preparation_of_images_is_kept_and_on_the_card_where_it_is_known(
    saved: tuple[Path, nn.Module], resnet: nn.Module, resnet_plan: Plan, tmp_path: Path
) -> None:
    """A file without it, as earlier versions wrote all, is read as before."""
    assert "preprocessing" not in json.loads((saved[0] / ARCHITECTURE).read_text())
    assert load_pruned(saved[0]).preprocessing is None
    assert "Images:" not in model_card(read_architecture(saved[0]))
    images = DEFAULT.override(interpolation="bicubic", crop=0.95, mean=(0.1, 1 / 3, 0.3))
    full = tuple(tuple(range(group.units)) for group in resnet_plan.groups)
    folder = save_pruned(resnet, resnet_plan, full, tmp_path / "prepared", preprocessing=images)
    assert load_pruned(folder).preprocessing == images
    assert f"Images: {images.in_words(32, 32)}." in model_card(read_architecture(folder))


def test_what_an_earlier_version_left_whole_stays_whole(tmp_path: Path) -> None:
    """A version that found fewer groups wrote them by name; the others of today's plan keep all their units."""
    spec = ModelSpec("toy", 5, (3, 8, 8))
    base = Chain().eval()
    today = build_plan(base, spec, verify=False)
    earlier = build_plan(
        base, spec, verify=False, whole=lambda plan: [g.index for g in plan.groups if g.name == "conv1"]
    )
    assert ([group.name for group in today.groups], [group.name for group in earlier.groups]) == (
        ["conv1", "conv2"],
        ["conv2"],
    )
    small = slice_model(base, earlier, ((1, 4),))
    save_pruned(small, earlier, ((1, 4),), tmp_path / "small")
    found = load_pruned_by(tmp_path / "small", lambda _: (base, today))
    assert found.selection == (tuple(range(8)), (1, 4))
    image = torch.randn(1, 3, 8, 8)
    assert torch.equal(found.module(image), small.eval()(image))
