"""Measure the demo: seconds, peak memory of all its processes, and whether a second run repeats the first.

`python -m benchmarks.demo` runs `launch.py` twice in an empty folder with an empty cache. Memory is the
proportional set size (PSS) of the whole process tree, Ray's processes included, sampled twice a second: shared pages
count once, which resident set sizes would count in every process.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from pruning.checkpoint import load_pruned
from pruning.counter import count_macs
from search.outcome.summary import read_summary
from tracking.events import payloads_of
from tracking.payloads import BaseReady, Proposed
from tracking.reader import read_ledger
from tracking.runs import RunDirs

ROOT = Path(__file__).resolve().parents[1]
SAMPLE_S = 0.5


def main() -> None:
    """Run the demo twice and print one JSON object."""
    with tempfile.TemporaryDirectory(prefix="espalier-demo-") as scratch:
        folder = Path(scratch)
        first, second = _demo(folder), _demo(folder)
    repeated = {key: first[key] == second[key] for key in ("proposals", "winner", "accuracy")}
    for run in (first, second):
        del run["proposals"]
        del run["winner"]
    print(json.dumps({"cpus": os.cpu_count(), "first": first, "second": second, "repeated": repeated}))


def _demo(folder: Path) -> dict[str, Any]:
    began, peak = time.monotonic(), 0
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "launch.py")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "ESPALIER_CACHE_DIR": str(folder / "cache")},
    )
    while process.poll() is None:
        peak = max(peak, _tree_pss(process.pid))
        time.sleep(SAMPLE_S)
    wall_s = time.monotonic() - began
    if process.returncode != 0:
        sys.exit(f"the demo ended with code {process.returncode}")
    run = RunDirs(folder / "runs").resolve("latest")
    summary, events = read_summary(run.summary), read_ledger(run.ledger)
    assert summary.winner is not None
    assert summary.baseline is not None
    assert summary.target_macs is not None
    reloaded = load_pruned(run.model)
    return {
        "wall_s": round(wall_s, 1),
        "peak_pss_gib": round(peak / 2**30, 2),
        "base_cached": payloads_of(events, BaseReady)[-1].cached,
        "target_macs": summary.target_macs,
        "target_share": summary.target_macs / summary.baseline.macs,
        "macs": summary.winner.macs,
        "macs_by_fvcore": count_macs(reloaded.module, reloaded.spec.input_size),
        "accuracy": summary.winner.accuracy,
        "base_accuracy": summary.baseline.accuracy,
        "winner": summary.winner.strategy,
        "proposals": [record.model_dump(mode="json") for record in payloads_of(events, Proposed)],
    }


def _tree_pss(pid: int) -> int:
    """PSS in bytes of the process and all its descendants; processes that end during the measurement count nothing."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += process.memory_full_info().pss
    return total


if __name__ == "__main__":
    main()
