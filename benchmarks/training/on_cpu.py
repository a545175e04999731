"""The part of the benchmark that needs no GPU: our loop, bare loops, Ray Train, torchrun, one worker and two.

Other programs share the processor, so a loop is judged by the processor's seconds, and runs of several processes by
their fastest epoch.
"""

import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from timm import create_model
from torch import nn

from benchmarks.training import bare
from benchmarks.training.jpegs import CLASSES, write_jpegs
from pruning.checkpoint import save_pruned
from pruning.models import ModelSpec
from pruning.models import create_model as create_ours
from pruning.planning import build_plan
from pruning.projection import project
from pruning.slicing import Selection, slice_model
from search.execution.scratch import private_folder
from search.execution.survey import finetune_session
from search.setup.config import make_config
from trainers.datasets.imagefolder import FolderSplit, ImageFolder
from trainers.history import read_epochs
from trainers.job import EPOCHS
from trainers.loop import Training
from trainers.place import Place
from trainers.progress import Progress
from trainers.recipe import Recipe
from trainers.workers import Workers

_MODEL, _SIDE, _BATCH, _IMAGES, _EPOCHS, _TURNS = "resnet18", 64, 24, 192, 3, 3
_RECIPE = Recipe(
    lr=0.01, weight_decay=1e-4, label_smoothing=0.1, batch_size=_BATCH, epochs=_EPOCHS, warmup_epochs=0.5
)  # fmt: skip


def measured_on_cpu(folder: Path) -> dict[str, Any]:
    """All figures; trainings and images lie in the folder."""
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    data = write_jpegs(folder / "jpegs", _IMAGES)
    runs = _Runs(data, _checkpoint(folder / "checkpoint"), folder)
    return {"model": _MODEL, "side": _SIDE, "batch": _BATCH, **_loops(data), **runs.measured()}


def _loops(data: Path) -> dict[str, Any]:
    """Our loop and readers, and timm's loader with a bare loop, in one process each, in turns."""
    ours, theirs, walls, gaps = list[float](), list[float](), list[float](), list[float]()
    for _ in range(_TURNS):
        own, gap = _ours(data)
        other = _spent(lambda: _bare(data))
        ours.append(own[0])
        theirs.append(other[0])
        walls.append(other[1] / own[1])
        gaps.append(gap)
    return {
        "vs_bare": statistics.median(theirs) / statistics.median(ours),
        "vs_bare_wall": statistics.median(walls),
        "cpu_s": {"ours": ours, "bare": theirs},
        "epoch_gap_s": statistics.median(gaps),
    }


def _spent(work: Callable[[], object]) -> tuple[float, float]:
    """Processor's and wall-clock seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def _ours(data: Path) -> tuple[tuple[float, float], float]:
    """What a training spends, and from the last step of an epoch to the first of the next, beyond a step's time."""
    pool = ImageFolder().splits(data, seed=0, input_size=(3, _SIDE, _SIDE)).train
    assert isinstance(pool, FolderSplit)
    train = FolderSplit(pool.samples, (3, _SIDE, _SIDE), readers=0)
    model, begins = create_model(_MODEL, num_classes=CLASSES), list[float]()
    model.register_forward_pre_hook(lambda *_: begins.append(time.perf_counter()))
    training = Training(model, train, _RECIPE, seed=0, place=Place(torch.device("cpu")))
    spent = _spent(lambda: list(training.epochs()))
    steps = training.steps_per_epoch
    between = [later - earlier for earlier, later in itertools.pairwise(begins)]
    at_ends = between[steps - 1 :: steps]
    usual = statistics.median(between)
    return spent, max(0.0, statistics.median(at_ends) - usual)


def _bare(data: Path) -> None:
    device = torch.device("cpu")
    model: nn.Module = create_model(_MODEL, num_classes=CLASSES)
    loader = bare.loader_of(data, _BATCH, _SIDE, 0, device)
    # As many steps as ours, whose training set lacks the holdout.
    steps = len(ImageFolder().splits(data, seed=0, input_size=(3, _SIDE, _SIDE)).train) // _BATCH
    bare.train(model, loader, _EPOCHS, device, steps=steps)


def _checkpoint(folder: Path) -> Path:
    """A network of half the MACs, the first units of each group kept."""
    torch.manual_seed(0)
    spec = ModelSpec(_MODEL, CLASSES, (3, _SIDE, _SIDE))
    base = create_ours(spec)
    plan = build_plan(base, spec, verify=False)
    cut = project(plan, plan.full(), plan.baseline_macs // 2)
    selection: Selection = tuple(tuple(range(count)) for count in cut.allocation)
    return save_pruned(slice_model(base, plan, selection), plan, selection, folder)


@dataclass(frozen=True, slots=True)
class _Runs:
    """Trainings in processes of their own."""

    data: Path
    checkpoint: Path
    folder: Path

    def measured(self) -> dict[str, Any]:
        """Ray Train beside torchrun, and two workers beside one, ours and bare, in turns."""
        ray, startups = self._ray("ray-1")
        one = [self._torchrun(1, "one-1"), self._torchrun(1, "one-2")]
        again, more = self._ray("ray-2")
        two, bare_one, bare_two = list[float](), list[float](), list[float]()
        for turn in range(2):
            two.append(self._torchrun(2, f"two-{turn}"))
            bare_one.append(self._bare(1))
            bare_two.append(self._bare(2))
        ours, theirs = max(two) / max(one), max(bare_two) / max(bare_one)
        return {
            "vs_torchrun": max(ray, again) / max(one),
            "startup_s": min(startups, more),
            "scaling_2": ours,
            "scaling_2_bare": theirs,
            "scaling_2_over_bare": ours / theirs,
        }

    def _ray(self, name: str) -> tuple[float, float]:
        """Images a second by Ray Train, and seconds until the first step is done, Ray's own start left out."""
        config = make_config({"finetune_gpu": False}).model_copy(
            update={"finetune_workers": Workers(1, 1), "ray_address": "local"}
        )
        with private_folder() as scratch, finetune_session(config):
            from trainers.finetune import finetune

            began, first = time.perf_counter(), list[float]()

            def heard(progress: Progress) -> None:
                if progress.standing is not None:
                    first.append(time.perf_counter())

            result = finetune(
                self.checkpoint, "imagefolder", self.data, _RECIPE, seed=0, workers=1, out_dir=self.folder / name,
                storage_dir=scratch, on_progress=heard,
            )  # fmt: skip
        return _fastest(result.history), first[0] - began

    def _torchrun(self, workers: int, name: str) -> float:
        recipe = self.folder / "recipe.json"
        recipe.write_text(json.dumps(_RECIPE.model_dump(mode="json")), encoding="utf-8")
        out = self.folder / name
        _launched(
            workers, "trainers.torchrun", "--checkpoint", self.checkpoint, "--dataset", "imagefolder",
            "--data-path", self.data, "--recipe", recipe, "--out", out,
        )  # fmt: skip
        return _fastest(read_epochs(out / EPOCHS))

    def _bare(self, workers: int) -> float:
        """Images a second of the fastest epoch; the first is left out, as of ours."""
        steps = len(ImageFolder().splits(self.data, seed=0, input_size=(3, _SIDE, _SIDE)).train) // _BATCH
        said = _launched(
            workers, "benchmarks.training.bare", self.data, _MODEL, _BATCH, _SIDE, _EPOCHS, steps
        )  # fmt: skip
        return max(float(speed) for speed in said.split()[1:])


def _fastest(history: Any) -> float:
    return max(report.images_per_s for report in history[1:])


def _launched(workers: int, module: str, *arguments: object) -> str:
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc-per-node={workers}",
        "-m",
        module,
    ]
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{module} failed: {done.stderr[-2000:]}")
    return done.stdout
