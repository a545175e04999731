"""Plant faults in the middle of a fine-tune on real Ray Train: `python -m benchmarks.training_faults`.

Two workers on CPUs fine-tune a pruned ResNet on small JPEGs. In each scenario something goes wrong in the middle of an
epoch, at steps that the seed draws: a worker, rank 1 or the driver is killed (-9) five times, the newest state is cut,
the disk becomes full (a tmpfs, which needs root), the loss is no number, the memory of one worker runs out, JPEGs are
cut, empty or CMYK. What survives must end with the bits of the undisturbed fine-tune, having lost no more training
than one state's interval; what cannot heal must end after one attempt, and name its file. The last line is one JSON
object; exit code 1 where a word of this is not kept. A few minutes on two free cores.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.training_faults.plan import STEPS, Plan
from benchmarks.training_faults.scenarios import CLASSES, SCENARIOS, SIDE, World, write_images
from benchmarks.training_faults.theatre import Stage
from pruning.checkpoint import save_pruned
from pruning.importance.registry import importance
from pruning.models import ModelSpec
from pruning.planning import build_plan
from pruning.projection import project
from pruning.selection import select
from pruning.slicing import slice_model
from trainers.base import initial_model
from trainers.recipe import Recipe

RECIPE = Recipe(lr=0.02, epochs=3, batch_size=10, warmup_epochs=0.5)
STATE_EVERY_S = 0.5


def main() -> int:
    """Play the scenarios that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="may be repeated; default: all")
    parser.add_argument("--keep", type=Path, help="a new folder for what drivers said and wrote")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="espalier-faults-") as scratch:
        world, undisturbed_s = undisturbed(asked.keep or Path(scratch), asked.seed)
        found = {}
        for name in asked.only or SCENARIOS:
            found[name] = SCENARIOS[name](world)
            print(f"{name}: {found[name]}", flush=True)
    is_well = all(outcome.get("ok") or "skipped" in outcome for outcome in found.values())
    result = {
        "seed": asked.seed,
        "steps": world.steps,
        "state_every_s": STATE_EVERY_S,
        "undisturbed_s": round(undisturbed_s, 1),
        "scenarios": found,
        "ok": is_well,
        "wall_s": round(time.monotonic() - began, 1),
    }
    print(json.dumps(result))
    return int(not is_well)


def undisturbed(folder: Path, seed: int) -> tuple[World, float]:
    """Fine-tune without a fault; returns what the others are held against, and the seconds that it took."""
    plan = Plan(
        checkpoint=checkpoint_in(folder / "pruned"),
        data=write_images(folder / "data"),
        out=folder,
        recipe=RECIPE,
        seed=seed,
        state_every_s=STATE_EVERY_S,
    )
    stage = Stage.of(folder / "undisturbed", plan)
    result = stage.play()
    if not result.get("completed"):
        raise RuntimeError(f"the undisturbed fine-tune failed: {result}\n{stage.log}")
    steps = max(note["step"] for note in stage.lines(STEPS))
    print(f"undisturbed: {steps} steps in {result['wall_s']:.1f} s", flush=True)
    return World(folder, plan, steps, random.Random(seed), stage.weights()), result["wall_s"]


def checkpoint_in(folder: Path) -> Path:
    """A quarter ResNet-18 at a tenth of its MACs, untrained."""
    spec = ModelSpec("resnet18_quarter", CLASSES, (3, SIDE, SIDE))
    model = initial_model(spec, seed=0)
    plan = build_plan(model, spec, verify=False)
    units = [max(1, group.units // 3) for group in plan.groups]
    selection = select(
        importance("l1").scores(model, plan), project(plan, units, round(plan.baseline_macs * 0.1)).allocation
    )
    return save_pruned(slice_model(model, plan, selection), plan, selection, folder)


if __name__ == "__main__":
    sys.exit(main())
