"""Check that the analytic MACs are exact, and time scoring and slicing.

`python -m benchmarks.macs`

Every model is planned, pruned at random, and counted again by fvcore; MACs and parameters must be equal to the digit.
Prints progress and a table; the last line is one JSON object. The same run times the usual way for comparison: deep
copy, prune with torch-pruning, count with fvcore.
"""

import argparse
import json
import random
import resource
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from benchmarks.peers import deepcopy_and_prune, prune_and_count
from benchmarks.timing import median_ms
from benchmarks.zoo import MUST, STRETCH
from pruning.counter import count_macs
from pruning.models import create_model, published_spec
from pruning.plan import Plan
from pruning.planning import build_plan
from pruning.proof import random_selection
from pruning.slicing import slice_model


@dataclass(frozen=True, slots=True)
class Row:
    """One model's result.

    Attributes:
        model: its name.
        groups: number of groups.
        sets: number of isomorphic sets.
        macs: of the unpruned model.
        params: of the unpruned model.
        plan_s: seconds to build the plan without proof.
        checked: number of random prunings.
        mismatches: how many of them, and of the unpruned model, differ from fvcore's count.
    """

    model: str
    groups: int
    sets: int
    macs: int
    params: int
    plan_s: float
    checked: int
    mismatches: int


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", help="comma-separated names; all by default")
    parser.add_argument("--checks", type=int, default=20, help="random prunings per model")
    parser.add_argument("--threads", type=int, default=1, help="torch threads, for Espalier and for the peers alike")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    names = options.models.split(",") if options.models else [*MUST, *STRETCH]
    rows = [_progress(_check_model(name, options.checks)) for name in names]
    _print_table(rows)
    print(json.dumps(_summary(rows) | _times()))


def _check_model(name: str, checks: int) -> Row:
    spec = published_spec(name)
    model = create_model(spec)
    start = time.perf_counter()
    plan = build_plan(model, spec, verify=False)
    plan_s = time.perf_counter() - start
    rng = random.Random(name)
    mismatches = int(count_macs(model, spec.input_size) != plan.baseline_macs)
    for _ in range(checks):
        mismatches += not _agrees(model, plan, rng)
    return Row(
        name, len(plan.groups), len(plan.sets), plan.baseline_macs, plan.baseline_params, plan_s, checks, mismatches
    )


def _agrees(model: nn.Module, plan: Plan, rng: random.Random) -> bool:
    selection = random_selection(plan, rng)
    kept = [len(units) for units in selection]
    pruned = slice_model(model, plan, selection)
    params = sum(parameter.numel() for parameter in pruned.parameters())
    return plan.macs(kept) == count_macs(pruned, plan.spec.input_size) and plan.params(kept) == params


def _times() -> dict[str, Any]:
    spec = published_spec("resnet50")
    model = create_model(spec)
    plan = build_plan(model, spec, verify=False)
    rng = random.Random(0)
    many = [[rng.randint(1, group.units) for group in plan.groups] for _ in range(10_000)]
    selection = tuple(tuple(range(group.units // 2)) for group in plan.groups)
    score_ms = median_ms(lambda: plan.macs(many[0]), repeats=21, calls=1000)
    times = {
        "score_us": score_ms * 1e3,
        "score_10k_ms": median_ms(lambda: plan.macs_many(many), repeats=7),
        "prune_and_count_ms": median_ms(lambda: prune_and_count(model, spec.image_size), repeats=5),
        "slice_ms": median_ms(lambda: slice_model(model, plan, selection), repeats=21),
        "deepcopy_prune_ms": median_ms(lambda: deepcopy_and_prune(model, spec.image_size), repeats=5),
    }
    return {name: round(value, 3) for name, value in times.items()} | {
        "speedup": round(times["prune_and_count_ms"] / score_ms),
        "slice_speedup": round(times["deepcopy_prune_ms"] / times["slice_ms"], 1),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _summary(rows: list[Row]) -> dict[str, Any]:
    return {
        "models": len(rows),
        "checked": sum(row.checked for row in rows),
        "mismatches": sum(row.mismatches for row in rows),
        "plan_s": {row.model: round(row.plan_s, 2) for row in rows if row.model in ("resnet50", "densenet121")},
    }


def _progress(row: Row) -> Row:
    print(f"{row.model}: {row.checked} random prunings, {row.mismatches} mismatches", flush=True)
    return row


def _print_table(rows: list[Row]) -> None:
    print(f"\n{'model':34}{'groups':>7}{'sets':>6}{'MACs':>16}{'parameters':>13}{'plan s':>8}{'mismatches':>12}")
    for row in rows:
        print(
            f"{row.model:34}{row.groups:7}{row.sets:6}{row.macs:16,}{row.params:13,}{row.plan_s:8.2f}"
            f"{f'{row.mismatches} of {row.checked}':>12}"
        )


if __name__ == "__main__":
    main()
