"""The scenarios: each plays a fault, and says what came of it."""

import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.training_faults.plan import Fault, Kind, Plan
from benchmarks.training_faults.theatre import Stage
from trainers.datasets.registry import dataset
from trainers.job import STATE
from trainers.loop import CHECK_STEPS

KILLS = 5
CLASSES, PER_CLASS, TEST_PER_CLASS, SIDE = 5, 100, 10, 32

Outcome = dict[str, Any]


@dataclass(frozen=True)
class World:
    """What all scenarios share.

    Attributes:
        folder: for the scenarios' folders.
        plan: of the fine-tune, without faults; its output folder is replaced.
        steps: of the whole fine-tune.
        rng: draws the steps.
        undisturbed: the weights of the fine-tune that nothing disturbs.
    """

    folder: Path
    plan: Plan
    steps: int
    rng: random.Random
    undisturbed: Mapping[str, Any]

    def some_steps(self, count: int = KILLS) -> list[int]:
        """Draw steps, in order, none of them the first or the last of an epoch."""
        per_epoch = self.steps // self.plan.recipe.epochs
        within = [step for step in range(1, self.steps + 1) if step % per_epoch not in (0, 1)]
        return sorted(self.rng.sample(within, count))


def write_images(folder: Path, seed: int = 0) -> Path:
    """Write JPEGs of `CLASSES` classes, each with a colour of its own under noise."""
    rng = np.random.default_rng(seed)
    for part, count in (("train", PER_CLASS), ("val", TEST_PER_CLASS)):
        for label in range(CLASSES):
            place = folder / part / f"class_{label}"
            place.mkdir(parents=True)
            colour = np.random.default_rng(label).integers(0, 256, 3)
            for number in range(count):
                pixels = rng.integers(0, 256, (SIDE, SIDE, 3)) // 2 + colour // 2
                Image.fromarray(pixels.astype(np.uint8)).save(place / f"{number:03d}.jpg", quality=90)
    return folder


def worker_dies(world: World, rank: int) -> Outcome:
    """One worker is killed, in the first step that it takes, and four more times."""
    steps = world.some_steps()
    faults = [Fault(kind=Kind.WORKER_DIES, step=step, rank=rank) for step in steps]
    stage = Stage.of(world.folder / f"rank-{rank}", world.plan, faults, max_failures=KILLS)
    result = stage.play()
    return _survived(world, stage, result, steps, KILLS + 1)


def driver_dies(world: World) -> Outcome:
    """The driver is killed five times, and the same command is given again."""
    stage, steps, last = Stage.of(world.folder / "driver", world.plan), list[int](), 0
    for left in range(KILLS, 0, -1):
        steps.append(world.rng.randint(last + 3, last + (world.steps - last) // (left + 1)))
        stage.tell([Fault(kind=Kind.DRIVER_DIES, step=steps[-1])])
        if stage.play():
            break
        last = stage.last_step
    else:
        stage.tell([])
    return _survived(world, stage, stage.play(), steps, KILLS + 1)


def state_is_cut(world: World) -> Outcome:
    """The driver is killed, and then the newest state is cut in half."""
    (step,) = world.some_steps(1)
    step = max(step, world.steps // 2 + 2)
    stage = Stage.of(world.folder / "cut", world.plan, [Fault(kind=Kind.DRIVER_DIES, step=step)])
    stage.play()
    newest = stage.plan.out / STATE
    os.truncate(newest, newest.stat().st_size // 2)
    result = stage.play()
    named = f"{newest} cannot be read" in stage.log and "an older state" in stage.log
    return _survived(world, stage, result, [step], 2, states=2) | {"named": named}


def disk_fills(world: World) -> Outcome:
    """The disk becomes full in the middle; once there is room, the same command goes on."""
    (step,) = world.some_steps(1)
    stage = Stage.of(world.folder / "disk", world.plan, [Fault(kind=Kind.DISK_FILLS, step=step)])
    if not stage.can_mount():
        return {"skipped": "no tmpfs can be mounted here"}
    first, _ = stage.play_on_small_disk()
    named = str(stage.plan.out) in first.get("text", "")
    same = _same_bits(stage.weights(stage.folder / "model"), world.undisturbed)
    found = {"step": step, "said": first.get("text"), "named": named, "same_bits": same}
    return found | {"attempts": stage.attempts, "ok": named and same and stage.attempts == 2}


def loss_is_no_number(world: World) -> Outcome:
    """One worker's loss is no number from a step on."""
    (step,) = world.some_steps(1)
    stage = Stage.of(world.folder / "nan", world.plan, [Fault(kind=Kind.NOT_A_NUMBER, step=step, rank=1)])
    result = stage.play()
    steps = [note["step"] for note in stage.lines("steps.jsonl")]
    late = max(steps) - step
    ok = result.get("error") == "DivergedError" and late <= CHECK_STEPS and stage.attempts == 1
    return {"step": step, "noticed_after": late, "attempts": stage.attempts, "said": result.get("text"), "ok": ok}


def memory_runs_out(world: World) -> Outcome:
    """The memory of rank 1 runs out in a step while rank 0 waits for its gradients; no worker may be lost."""
    (step,) = world.some_steps(1)
    every = {"max_failures": 0, "state_every_s": 0.0}
    shrunk = [Fault(kind=Kind.PASSES_SHRINK, step=step, rank=rank) for rank in (0, 1)]
    expected = Stage.of(world.folder / "shrunk", world.plan, shrunk, **every)
    expected.play()
    fault = Fault(kind=Kind.MEMORY_RUNS_OUT, step=step, rank=1)
    stage = Stage.of(world.folder / "memory", world.plan, [fault], **every)
    result = stage.play()
    found = _survived(replace(world, undisturbed=expected.weights()), stage, result, [step], 2)
    told = "a worker's memory ran out in a step, with 5 images at once" in stage.log and "goes on" in stage.log
    differs = not _same_bits(stage.weights(), world.undisturbed)
    return found | {"told": told, "shrunk": differs, "ok": found["ok"] and told and differs}


def odd_jpegs(world: World) -> Outcome:
    """Of the images that are trained on one is cut, one is empty and one is CMYK; rank 1 is killed on the way."""
    plan = world.plan.model_copy(update={"data": write_images(world.folder / "odd-data")})
    cut, empty, cmyk = _trained_on(plan)[:3]
    os.truncate(cut, cut.stat().st_size // 2)
    os.truncate(empty, 0)
    with Image.open(cmyk) as image:
        converted = image.convert("CMYK")
    converted.save(cmyk)
    whole = Stage.of(world.folder / "odd", plan)
    left_out = whole.play().get("unreadable", {})
    (step,) = world.some_steps(1)
    stage = Stage.of(world.folder / "odd-killed", plan, [Fault(kind=Kind.WORKER_DIES, step=step, rank=1)])
    result = stage.play()
    found = _survived(replace(world, undisturbed=whole.weights()), stage, result, [step], 2)
    named = set(left_out) == {str(cut)} and repr(str(empty)) in whole.log
    return found | {"left_out": len(left_out), "named": named, "ok": found["ok"] and named}


def scored_jpeg_is_cut(world: World) -> Outcome:
    """An image that is scored, and not trained on, is cut."""
    plan = world.plan.model_copy(update={"data": write_images(world.folder / "cut-data")})
    trained = set(_trained_on(plan))
    assert plan.data is not None
    scored = next(path for path in sorted((plan.data / "train").rglob("*.jpg")) if path not in trained)
    os.truncate(scored, scored.stat().st_size // 2)
    stage = Stage.of(world.folder / "cut-scored", plan)
    result = stage.play()
    named = repr(str(scored)) in result.get("text", "")
    return {"attempts": stage.attempts, "named": named, "said": result.get("text"), "ok": named and stage.attempts == 1}


SCENARIOS: dict[str, Callable[[World], Outcome]] = {
    "a worker (rank 0)": lambda world: worker_dies(world, 0),
    "rank 1": lambda world: worker_dies(world, 1),
    "driver": driver_dies,
    "newest state cut": state_is_cut,
    "disk full": disk_fills,
    "not a number": loss_is_no_number,
    "memory runs out": memory_runs_out,
    "odd JPEGs": odd_jpegs,
    "scored JPEG cut": scored_jpeg_is_cut,
}


def _trained_on(plan: Plan) -> list[Path]:
    splits = dataset("imagefolder").splits(plan.data, seed=plan.seed, input_size=(3, SIDE, SIDE))
    return [Path(path) for path, _ in splits.train.samples]  # type: ignore[attr-defined]


def _survived(
    world: World, stage: Stage, result: Mapping[str, Any], steps: list[int], attempts: int, states: int = 1
) -> Outcome:
    """Compare a fine-tune that was disturbed and ended with the undisturbed one; each fault may cost so many states."""
    lost = stage.lost_s()
    same = _same_bits(stage.weights(), world.undisturbed)
    # The workers agree on a state between two steps: what a step takes, and what saving takes, may come on top.
    bound = states * world.plan.state_every_s + 1.0
    ok = bool(result.get("completed")) and same and stage.attempts == attempts and max(lost, default=0) <= bound
    return {
        "steps": steps,
        "same_bits": same,
        "attempts": stage.attempts,
        "lost_s": [round(one, 2) for one in lost],
        **({} if result.get("completed") else {"said": result.get("text")}),
        "ok": ok,
    }


def _same_bits(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    return bool(ours) and ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
