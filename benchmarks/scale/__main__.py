"""Measure how a search grows with its cluster: `python -m benchmarks.scale`.

Actors of Ray's own test cluster stand for nodes, one each: they take a hundredth of a CPU, and their trials compute
nothing. The session, its ledger with an fsync for each event, Tune and Ray are real. So what is left is what a trial
costs the driver, which is one process, and the head. A power law is fitted to it, and from that follows how many nodes
the driver could serve if their trials took `--trial-s` seconds each. The last line is one JSON object.

A process for each of 200 actors does not fit into 24 GiB, so `--to-a-process` of them share one (see `slots.py`).
`--check` measures a size with and without that, to show what the sharing changes.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
ACTOR_MIB, SPARED_MIB = 130, 3072
"""What a process of an actor takes, and what is left to Ray's own and to the rest of the machine."""

MANY = 5
"""A longer search, to see whether a trial costs more after many others."""

Cost = Mapping[str, float]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10,50,200", help="numbers of nodes")
    parser.add_argument("--trials", type=int, default=300, help="of each size, beside one for each actor")
    parser.add_argument("--trial-s", type=float, default=60.0, help="seconds that a trial would take on a node")
    parser.add_argument("--to-a-process", type=int, default=10, help="actors that share a process; 1: none do")
    parser.add_argument("--check", type=int, default=0, help="a size to measure also with a process for each actor")
    asked = parser.parse_args()
    each = asked.to_a_process
    costs, too_large = [], []
    for size in map(int, asked.sizes.split(",")):
        processes = math.ceil(size / each)
        if psutil.virtual_memory().available < (processes * ACTOR_MIB + SPARED_MIB) * 2**20:
            too_large.append(size)
            print(f"{size} nodes: not enough memory here for {processes} processes", flush=True)
            continue
        costs.append(measured(size, asked.trials, each))
        print(f"{size} nodes: {costs[-1]}", flush=True)
    few = int(asked.sizes.split(",")[0])
    many = measured(few, MANY * asked.trials, each)
    print(f"{few} nodes, {MANY} times as many trials: {many}", flush=True)
    factor, exponent = growth([one["actors"] for one in costs], [one["driver_ms_per_trial"] for one in costs])
    result = {
        "trials_per_second": by_size(costs, "trials_per_second"),
        "driver_ms_per_trial": by_size(costs, "driver_ms_per_trial"),
        "session_ms_per_trial": by_size(costs, "session_ms_per_trial"),
        "head_ms_per_trial": by_size(costs, "head_ms_per_trial"),
        "actors_per_process": each,
        "growth_exponent": round(exponent, 3),
        "driver_ms_per_trial_of_many": {f"{many['trials']:g}": round(many["driver_ms_per_trial"], 3)},
        "trial_s": asked.trial_s,
        "limit_nodes": limit(factor, exponent, asked.trial_s, max(one["driver_ms_per_trial"] for one in costs)),
        "too_large_for_this_machine": too_large,
    }
    if asked.check:
        ways = [measured(asked.check, asked.trials, sharing) for sharing in (each, 1)]
        for name in ("driver_ms_per_trial", "head_ms_per_trial"):
            result[f"{name}_shared_and_alone"] = [round(one[name], 3) for one in ways]
    print(json.dumps(result))


def measured(actors: int, trials: int, each: int) -> Cost:
    """Measure one size, with so many actors to a process, in a process of its own: Ray starts once in each."""
    with tempfile.TemporaryDirectory(prefix="esp-", ignore_cleanup_errors=True) as folder:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.scale.measure", str(actors), str(trials), folder, str(each)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{actors} actors: {done.stderr}")
    cost: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return cost


def growth(sizes: Sequence[float], costs: Sequence[float]) -> tuple[float, float]:
    """Fit `cost = factor * size ** exponent` by least squares of the logarithms; returns both."""
    if len(sizes) < 2:
        raise SystemExit("a growth needs two sizes that fit into this machine: give smaller ones with --sizes")
    x, y = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    exponent = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sum((a - mean_x) ** 2 for a in x)
    return math.exp(mean_y - exponent * mean_x), exponent


def limit(factor: float, exponent: float, trial_s: float, dearest: float) -> int:
    """Return how many nodes keep the driver's one core busy, with a trial of so many seconds after another on each.

    `nodes` of them end `nodes / trial_s` trials a second, of `factor * nodes ** exponent` milliseconds each. Where no
    growth was seen, each is taken to cost what the dearest did: nothing is to be gained by going on from there.
    """
    if exponent <= 0:
        factor, exponent = dearest, 0.0
    return int((1e3 * trial_s / factor) ** (1 / (1 + exponent)))


def by_size(costs: Sequence[Cost], name: str) -> dict[str, float]:
    """One figure of each size."""
    return {f"{one['actors']:g}": round(one[name], 3) for one in costs}


if __name__ == "__main__":
    main()
