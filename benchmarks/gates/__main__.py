"""Measure whether the gates of code ablation let bad ablations through, and good ones.

`python -m benchmarks.gates [--backend auto|bwrap|docker|none]`

Good ablations of three scripts are written by hand (`benchmarks.gates.scripts`), and faults are planted in them
(`benchmarks.gates.faults`). Each goes through all gates; what passes on its source is run in a sandbox, and its run is
judged too. Prints progress and a table; the last line is one JSON object: `bad` and `accepted_bad`, `good` and
`accepted_good`, `good_refusals` with their reasons, and `by_kind` with the gates that refused first; `backend`,
`sandboxed` and `wall_s` say where and how long.
"""

import argparse
import json
import os
import random
import time

from ablations.code.running.sandbox_runner import SandboxRunner
from benchmarks.gates.bench import Bench, Tried
from benchmarks.gates.faults import FAULTS
from benchmarks.gates.running import PooledRuns
from benchmarks.gates.scripts import good_ones
from sandbox.registry import NAMES, open_sandbox


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-kind", type=int, default=45, help="bad ablations of each kind, at most")
    parser.add_argument("--seed", type=int, default=0, help="draws which ones")
    parser.add_argument("--no-runs", action="store_true", help="judge sources only; nothing is then accepted for good")
    parser.add_argument("--backend", choices=NAMES, default=NAMES[0], help="the sandbox")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="scripts that run at once")
    options = parser.parse_args()
    began = time.monotonic()
    box = None if options.no_runs else open_sandbox(options.backend, allow_none=True)
    runs = None if box is None else PooledRuns(SandboxRunner(box), options.workers)
    bench = Bench(runs, lambda line: print(line, flush=True))
    bad = [one for kind in FAULTS for one in drawn(kind, options.per_kind, random.Random(f"{options.seed}.{kind}"))]
    bench.judge([*(Tried(good, None, good.label, good.text) for good in good_ones()), *bad])
    figures = bench.figures()
    print(f"{'good':24}{figures['good']:5} tried, {figures['accepted_good']} accepted")
    for kind, count in figures["by_kind"].items():
        print(f"{kind:24}{count['bad']:5} planted, {count['accepted_bad']} accepted")
    where = {"backend": box.name, "sandboxed": box.sandboxed} if box else {}
    print(json.dumps({**figures, **where, "wall_s": round(time.monotonic() - began, 1)}))


def drawn(kind: str, most: int, dice: random.Random) -> list[Tried]:
    """Different bad scripts of one kind, drawn from all."""
    planted = {
        (good.script, good.component, text): Tried(good, kind, label, text)
        for good in good_ones()
        for label, text in FAULTS[kind](good)
    }
    found = list(planted.values())
    dice.shuffle(found)
    return found[:most]


if __name__ == "__main__":
    main()
