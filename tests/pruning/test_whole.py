"""A checkpoint on disk is whole, or does not pass for one."""

import os
import random
from pathlib import Path

import pytest
from torch import nn

from pruning.checkpoint import ARCHITECTURE, WEIGHTS, is_whole, load_pruned, save_pruned
from pruning.errors import CheckpointError
from pruning.plan import Plan
from pruning.proof import random_selection
from pruning.slicing import slice_model


def save(resnet: nn.Module, plan: Plan, folder: Path, seed: int = 0) -> None:
    selection = random_selection(plan, random.Random(seed))
    save_pruned(slice_model(resnet, plan, selection), plan, selection, folder)


def test_what_was_written_is_whole_and_what_was_damaged_is_not(
    resnet: nn.Module, resnet_plan: Plan, tmp_path: Path
) -> None:
    for name in (WEIGHTS, ARCHITECTURE):
        for number, damage in enumerate((lambda c: b"", lambda c: c[:-2], lambda c: b"\0" * len(c))):
            folder = tmp_path / f"{name}-{number}"
            save(resnet, resnet_plan, folder)
            assert is_whole(folder)
            (folder / name).write_bytes(damage((folder / name).read_bytes()))
            assert not is_whole(folder)
    assert not is_whole(tmp_path / "nowhere")


@pytest.mark.parametrize("step", range(8))
def test_a_death_at_any_fsync_leaves_the_old_checkpoint_or_none_that_passes(
    resnet: nn.Module, resnet_plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Both where the folder is new and where it holds other files, which stay."""
    for name in ("new", "old"):
        folder, left = tmp_path / name, [step]
        if name == "old":
            save(resnet, resnet_plan, folder, seed=1)
            (folder / "notes.txt").write_text("mine")

        def dying(descriptor: int, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OSError("the power went")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", dying)
            try:
                save(resnet, resnet_plan, folder)
                died = False
            except OSError:
                died = True
        if name == "old":
            assert (folder / "notes.txt").read_text() == "mine"
        if not died or is_whole(folder):
            assert load_pruned(folder)
        else:
            with pytest.raises(CheckpointError):
                load_pruned(folder)
