"""The base model and its cache."""

import dataclasses
import itertools
import json
import logging
import multiprocessing
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pruning.models import ModelSpec, create_model
from tests.full_disk import full_after
from trainers.base import Trained, cached_base, train_base
from trainers.datasets.digits import Digits
from trainers.datasets.memory import TensorSplit
from trainers.datasets.shapes import Shapes
from trainers.errors import DataPathError
from trainers.evaluate import evaluate
from trainers.history import EpochReport
from trainers.mixing import Mixed
from trainers.recipe import Recipe
from trainers.stepping import Stepper

SPEC = ModelSpec("tests.trainers.small:small_net", 10, (1, 32, 32))
RECIPE = Recipe(epochs=2, batch_size=64, lr=0.1, warmup_epochs=0.5)


def test_trained_once_then_read(tmp_path: Path) -> None:
    heard: list[int] = []
    first, second = (
        train_base(
            SPEC, Digits(), RECIPE, seed=1, cache_dir=tmp_path, progress=lambda report: heard.append(report.epoch)
        )
        for _ in range(2)
    )
    assert (first.cached, second.cached) == (False, True)
    assert heard == [1, 2]
    assert first.path == second.path
    assert first.accuracy_holdout == second.accuracy_holdout
    ours, theirs = first.module.state_dict(), second.module.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert not second.module.training


def test_what_files_hold_is_a_part_of_an_entry_that_notes_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Pictures of other classes may have the same names and sizes. An entry of an earlier version is read."""

    def training() -> Iterator[Trained]:
        yield EpochReport(1, 1.0, 0.5, 1.0, 0.1, 1.0)
        yield create_model(SPEC).state_dict()

    def is_read(cache: Path, **contents: str) -> bool:
        return cached_base(SPEC, {"seed": 1} | contents, training, cache, None).cached

    assert [is_read(tmp_path / "old"), is_read(tmp_path / "old", contents="x")] == [False, True]
    assert [is_read(tmp_path / "new", contents=held) for held in ("x", "x", "y", "y")] == [False, True, False, True]
    assert "it is another training's" in caplog.text


def test_its_accuracy_is_the_holdouts(tmp_path: Path) -> None:
    base = train_base(SPEC, Digits(), RECIPE, seed=1, cache_dir=tmp_path)
    splits = Digits().splits(seed=1)
    assert evaluate(base.module, splits.holdout).accuracy == base.accuracy_holdout
    assert evaluate(base.module, splits.test).accuracy != base.accuracy_holdout


def test_memory_that_runs_out_begins_it_again_with_smaller_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given = train_base(SPEC, Digits(), RECIPE.override(micro_batch=32), seed=1, cache_dir=tmp_path / "given")
    take, steps = Stepper.take, itertools.count()

    def scarce(stepper: Stepper, batch: Mixed, lr: float, micro_batch: int) -> Tensor:
        if next(steps) > 20 and micro_batch > 32:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return take(stepper, batch, lr, micro_batch)

    monkeypatch.setattr(Stepper, "take", scarce)
    base = train_base(SPEC, Digits(), RECIPE, seed=1, cache_dir=tmp_path / "scarce")
    assert "with 64 images at once (CUDA out of memory): the training begins again with 32" in caplog.text
    ours, theirs = base.module.state_dict(), given.module.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("change", ["seed", "recipe", "data"])
def test_anything_that_changes_the_weights_has_its_own_entry(tmp_path: Path, change: str) -> None:
    splits = Digits().splits(seed=0)
    if change == "data":
        assert isinstance(splits.train, TensorSplit)
        splits.train.pixels[0] += 1
    train_base(SPEC, Digits(), RECIPE, seed=0, cache_dir=tmp_path)
    other = train_base(
        SPEC,
        Digits(),
        RECIPE.override(lr=0.11) if change == "recipe" else RECIPE,
        seed=1 if change == "seed" else 0,
        splits=splits if change == "data" else None,
        cache_dir=tmp_path,
    )
    assert not other.cached


def test_the_same_training_twice_gives_the_same_bits(tmp_path: Path) -> None:
    first, second = (train_base(SPEC, Digits(), RECIPE, seed=0, cache_dir=tmp_path / name) for name in ("a", "b"))
    ours, theirs = first.module.state_dict(), second.module.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("damage", ["cut", "swapped", "record", "deep", "score", "foreign", "missing", "file"])
def test_a_damaged_entry_is_trained_again_with_a_warning(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = train_base(SPEC, Digits(), RECIPE, seed=0, cache_dir=tmp_path)
    weights, record = good.path / "model.safetensors", good.path / "base.json"
    content = weights.read_bytes()
    if damage == "cut":
        weights.write_bytes(content[: len(content) // 2])
    elif damage == "swapped":
        weights.write_bytes(content[:-4] + b"\0\0\0\0")
    elif damage == "record":
        record.write_text(json.dumps({"sha256": 3}))
    elif damage == "deep":
        record.write_text("[" * 100_000)
    elif damage == "score":
        record.write_text(record.read_text().replace('"accuracy_holdout": ', '"accuracy_holdout": 7'))
    elif damage == "foreign":
        other = train_base(SPEC, Digits(), RECIPE, seed=5, cache_dir=tmp_path)
        shutil.rmtree(good.path)
        other.path.rename(good.path)
    elif damage == "file":
        shutil.rmtree(good.path)
        good.path.write_text("a file in its place")
    else:
        weights.unlink()
    with caplog.at_level(logging.WARNING):
        again = train_base(SPEC, Digits(), RECIPE, seed=0, cache_dir=tmp_path)
    assert "is damaged" in caplog.text
    assert not again.cached
    assert weights.read_bytes() == content


def test_a_cache_on_a_full_disk_is_done_without(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with full_after(2**10):
        base = train_base(SPEC, Digits(), RECIPE, seed=0, cache_dir=tmp_path)
    assert "cannot be used (File too large): going on without it" in caplog.text
    assert not base.path.exists()
    assert [path for path in base.path.parent.iterdir() if path.suffix != ".lock"] == [], "no draft is left"


_meeting: list[Barrier] = []
"""In a process of the test below: a barrier is passed to a process when it starts, and cannot be sent with a task."""


def _meet_at(barrier: Barrier) -> None:
    _meeting.append(barrier)


def _train_in_a_process(folder: Path) -> tuple[bool, float]:
    torch.set_num_threads(1)
    _meeting[0].wait()
    base = train_base(SPEC, Digits(), RECIPE, seed=0, cache_dir=folder)
    return base.cached, base.accuracy_holdout


@pytest.mark.slow
def test_two_processes_at_once_train_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context, _meet_at, (context.Barrier(2),)) as processes:
        got = list(processes.map(_train_in_a_process, [tmp_path] * 2))
    assert sorted(cached for cached, _ in got) == [False, True]
    assert got[0][1] == got[1][1]


def test_a_model_with_other_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataPathError, match=r"has 10 classes.*'shapes' has 20.*num_classes=20"):
        train_base(SPEC, Shapes(), RECIPE, seed=0, cache_dir=tmp_path)


def test_the_output_is_part_of_the_entry_only_where_it_is_named(tmp_path: Path) -> None:
    spec = ModelSpec("tests.trainers.structured:mapped", 10, (1, 32, 32))
    recipe = RECIPE.override(epochs=1)
    first = train_base(spec, Digits(), recipe, seed=0, cache_dir=tmp_path)
    named = train_base(dataclasses.replace(spec, output="logits"), Digits(), recipe, seed=0, cache_dir=tmp_path)
    assert first.path != named.path
    assert "output" not in json.loads((first.path / "base.json").read_text())["key"]["spec"]
    assert named.accuracy_holdout == first.accuracy_holdout
