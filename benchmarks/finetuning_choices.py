"""Measure what a fine-tune gains by distillation, by training on the holdout, by averaged weights and by two workers.

    python -m benchmarks.finetuning_choices [--folder FOLDER] [--seeds 10] [--epochs 6] [--processes 1]

On the procedural set, a quarter ResNet-18 and a small ViT are cut evenly to 15 % and 8 % of their MACs and fine-tuned
from several seeds, once for each choice. A seed decides order and augmentation; the base and the cut are the same. What
is compared is the accuracy on the test images, pair by pair with the plain fine-tune of that seed, and the processor's
seconds. Averaging changes no training, so its figures come from the plain one's; SyncBatchNorm needs GPUs.

Results are appended to FOLDER/results.jsonl: the same call goes on where an earlier one was interrupted. The last line
is one JSON object.
"""

import argparse
import copy
import json
import os
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from ablations.floor.statistics import estimate
from pruning.importance.cache import computed_scores
from pruning.models import ModelSpec
from pruning.planning import build_plan
from pruning.projection import project
from pruning.selection import select
from pruning.slicing import slice_model
from trainers.base import train_base
from trainers.choices import Distillation
from trainers.datasets.base import Splits
from trainers.datasets.shapes import Shapes
from trainers.defaults import base_recipe, finetune_recipe
from trainers.evaluate import evaluate
from trainers.loop import Training
from trainers.place import Place
from trainers.recalibrate import has_batch_norm
from trainers.recipe import Recipe

MODELS = ("resnet18_quarter", "vit_quarter")
SHARES = (0.15, 0.08)
PLAIN, AVERAGED, DISTILLED, ON_HOLDOUT, TWO = "plain", "ema", "distillation", "training on the holdout", "2 workers"
CHANGES: dict[str, dict[str, object]] = {
    PLAIN: {},
    AVERAGED: {"ema": 0.99},
    DISTILLED: {"distill": Distillation.SOFT, "distill_weight": 0.5, "distill_temperature": 2.0},
    ON_HOLDOUT: {"train_on_holdout": True},
    TWO: {},
}
_RESULTS = "results.jsonl"
_BASE_EPOCHS = 12
_TIMED_ALONE = 3
"""Seeds whose plain training is also run without the average, to know what that costs."""


Job = tuple[str, float, str, int]
"""Model, share of its MACs, choice, seed."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What the fine-tunes of one model at one size share."""

    base: nn.Module
    pruned: nn.Module
    splits: Splits
    recipe: Recipe


def main() -> None:
    """Run what is missing, and print the gains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("finetuning-choices"), help="holds results and bases")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=6, help="of each fine-tune")
    parser.add_argument("--processes", type=int, default=1, help="fine-tunes at once; two workers count as two")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for choices in ((TWO,), tuple(choice for choice in CHANGES if choice != TWO)):
        _run_missing(given.folder, choices, given.seeds, given.epochs, given.processes)
    report = _report(given.folder / _RESULTS)
    for line in report["gains"]:
        print(_line(line))
    print(json.dumps({"epochs": given.epochs, "seeds": given.seeds, **report}))


def _run_missing(folder: Path, choices: Sequence[str], seeds: int, epochs: int, processes: int) -> None:
    done = _done(folder / _RESULTS)
    jobs = [job for job in _jobs(choices, seeds) if job not in done]
    if not jobs:
        return
    context = mp.get_context("spawn")
    two = TWO in choices
    at_once = min(len(jobs), max(1, processes // 2) if two else processes)
    with ProcessPoolExecutor(min(len(MODELS), processes), mp_context=context) as pool:
        list(pool.map(_make_base, [folder] * len(MODELS), MODELS))
    if two:
        # Every pair takes each n-th job.
        members = [
            context.Process(target=_pair, args=(rank, folder, n, jobs[n::at_once], epochs))
            for n in range(at_once)
            for rank in range(2)
        ]
        for member in members:
            member.start()
        for member in members:
            member.join()
        if any(member.exitcode for member in members):
            raise SystemExit("a pair of workers failed")
        return
    with ProcessPoolExecutor(at_once, mp_context=context) as pool:
        for result in pool.map(_alone, [folder] * len(jobs), jobs, [epochs] * len(jobs)):
            _append(folder / _RESULTS, result)


def _jobs(choices: Sequence[str], seeds: int) -> list[Job]:
    return [
        (model, share, choice, seed)
        for seed in range(seeds)
        for model in reversed(MODELS)
        for share in SHARES
        for choice in choices
        if choice != PLAIN or seed < _TIMED_ALONE
    ]


def _make_base(folder: Path, model: str) -> None:
    torch.set_num_threads(1)
    _base(folder, model)


def _alone(folder: Path, job: Job, epochs: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    model, share, choice, seed = job
    return _described(job, _finetuned(_cell(folder, model, share, epochs), choice, seed, Place(torch.device("cpu"))))


def _pair(rank: int, folder: Path, number: int, jobs: Sequence[Job], epochs: int) -> None:
    """One of two workers, which train all jobs together."""
    torch.set_num_threads(1)
    meeting = (folder / f"store-{os.getppid()}-{number}").absolute()
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    place = Place(torch.device("cpu"), rank, 2)
    for job in jobs:
        model, share, choice, seed = job
        found = _finetuned(_cell(folder, model, share, epochs), choice, seed, place)
        if place.is_main:
            _append(folder / _RESULTS, _described(job, found))
    dist.destroy_process_group()


def _described(job: Job, found: dict[str, Any]) -> dict[str, Any]:
    model, share, choice, seed = job
    return {"model": model, "share": share, "choice": choice, "seed": seed, **found}


@cache
def _base(folder: Path, model: str) -> nn.Module:
    splits = Shapes().splits(seed=0)
    spec = ModelSpec(model, splits.info.num_classes, splits.info.input_size)
    recipe = base_recipe("shapes", batch_norm=model == "resnet18_quarter").override(epochs=_BASE_EPOCHS)
    return train_base(spec, Shapes(), recipe, seed=0, cache_dir=folder, splits=splits).module


@cache
def _cell(folder: Path, model: str, share: float, epochs: int) -> Cell:
    splits, base = Shapes().splits(seed=0), _base(folder, model)
    spec = ModelSpec(model, splits.info.num_classes, splits.info.input_size)
    plan = build_plan(base, spec, verify=False)
    cut = project(plan, plan.full(), round(plan.baseline_macs * share))
    selection = select(computed_scores("l2", base, plan, None), cut.allocation)
    finetune = finetune_recipe("shapes", batch_norm=has_batch_norm(base)).override(epochs=epochs)
    return Cell(base, slice_model(base, plan, selection), splits, finetune)


def _finetuned(cell: Cell, choice: str, seed: int, place: Place) -> dict[str, Any]:
    """The accuracies of a fine-tune on the test images, and the processor's seconds that it took."""
    recipe = cell.recipe.override(**CHANGES[choice])
    train = cell.splits.train.joined(cell.splits.holdout) if recipe.train_on_holdout else cell.splits.train
    model, teacher = copy.deepcopy(cell.pruned), copy.deepcopy(cell.base) if recipe.distill else None
    began = time.process_time()
    training = Training(model, train, recipe, seed=seed, place=place, teacher=teacher)
    for _ in training.epochs():
        pass
    place.broadcast_buffers(model)
    cpu_s = sum(place.all_reduce([time.process_time() - began]))
    found: dict[str, Any] = {"accuracy": evaluate(model, cell.splits.test, place=place).accuracy, "cpu_s": cpu_s}
    if training.average is not None:
        with training.average.in_place():
            found["averaged"] = evaluate(model, cell.splits.test, place=place).accuracy
    return found


def _append(path: Path, result: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(result) + "\n")


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _done(path: Path) -> set[Job]:
    return {(r["model"], r["share"], r["choice"], r["seed"]) for r in _read(path)}


def _report(results: Path) -> dict[str, Any]:
    """Gains in points with 95 % intervals, and how many times the plain training each choice costs."""
    found = {(r["model"], r["share"], r["choice"], r["seed"]): r for r in _read(results)}
    for (model, share, choice, seed), result in found.items():
        if choice == PLAIN:
            averaged = found[model, share, AVERAGED, seed]
            assert result["accuracy"] == averaged["accuracy"], "averaging changed the training"
    gains = [
        _gain(found, model, share, choice)
        for model in MODELS
        for share in SHARES
        for choice in (AVERAGED, DISTILLED, ON_HOLDOUT, TWO)
    ]
    overall = [_overall(gains, choice) for choice in (AVERAGED, DISTILLED, ON_HOLDOUT, TWO)]
    return {"gains": gains, "overall": overall, "sync_batch_norm": "skipped: no GPU"}


def _gain(found: dict[tuple[str, float, str, int], dict[str, Any]], model: str, share: float, choice: str) -> Any:
    seeds = sorted(seed for (m, s, c, seed) in found if (m, s, c) == (model, share, choice))
    of = {seed: found[model, share, choice, seed] for seed in seeds}
    plain = {seed: found[model, share, AVERAGED, seed]["accuracy"] for seed in seeds}
    which = "averaged" if choice == AVERAGED else "accuracy"
    differences = [100 * (of[seed][which] - plain[seed]) for seed in seeds]
    alone = [found[model, share, PLAIN, seed]["cpu_s"] for seed in range(min(_TIMED_ALONE, len(seeds)))]
    found_mean = estimate(differences)
    assert found_mean is not None, "there is a pair"
    return {
        "model": model,
        "macs": share,
        "choice": choice,
        "pairs": len(seeds),
        "plain": statistics.mean(plain.values()),
        "gain_points": statistics.mean(differences),
        "interval": [found_mean.low, found_mean.high],
        "cost_ratio": statistics.median(r["cpu_s"] for r in of.values()) / statistics.median(alone),
    }


def _overall(gains: Sequence[Any], choice: str) -> dict[str, Any]:
    own = [gain for gain in gains if gain["choice"] == choice]
    return {
        "choice": choice,
        "always_better": all(gain["interval"][0] > 0 for gain in own),
        "ever_worse": any(gain["interval"][1] < 0 for gain in own),
        "cost_ratio": statistics.mean(gain["cost_ratio"] for gain in own),
    }


def _line(gain: Any) -> str:
    low, high = gain["interval"]
    return (
        f"{gain['model']:17} {gain['macs']:4.0%}  {gain['choice']:24} {gain['gain_points']:+6.2f} points "
        f"[{low:+.2f}, {high:+.2f}], {gain['pairs']} pairs, {gain['cost_ratio']:.2f} × the cost"
    )


if __name__ == "__main__":
    main()
