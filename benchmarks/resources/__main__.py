"""Whether the resource study recovers what is built into scripted models, and how fast it works.

`python -m benchmarks.resources [--studies 100] [--tasks 500]` simulates studies with models of known skill, in this
process, through the study's own arms and statistics: only the judge is replaced, by the scripted truth. Then one real
study of the shipped tasks goes through HTTP and the sandbox.

`python -m benchmarks.resources --scale [--tasks 500] [--depth 3] [--workers 2] [--kill 0.5]` runs a study in which
every task takes its whole tree, then the same again, killed by SIGKILL in the middle and run again.

Prints progress; the last line is one JSON object: `coverage` (of each value the share of studies whose 95 % interval
holds what is built in), `tasks_per_minute` and `judge_ms`; with `--scale` what is measured there.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from ablations.resources.tasks.shipped import shipped_tasks
from benchmarks.resources.coverage import built_in, coverage
from benchmarks.resources.running import entries, finished, judge_ms, of_kind, work_s
from benchmarks.resources.scale import measure


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=100, help="simulated studies; 0 for none")
    parser.add_argument("--tasks", type=int, default=500, help="of each simulated study, or of the study of --scale")
    parser.add_argument("--scale", action="store_true")
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--kill", type=float, default=0.5, help="share of the work after which it is killed; 0: not")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="resources-") as folder:
        if given.scale:
            found = measure(Path(folder), given.tasks, given.depth, given.workers, given.kill or None)
        else:
            found = {**_covered(given.studies, given.tasks), **_real(Path(folder), given.workers)}
    print(json.dumps(found))


def _covered(studies: int, tasks: int) -> dict[str, object]:
    if not studies:
        return {}
    began = time.monotonic()
    found = coverage(studies, tasks, _told)
    for name, share in found.items():
        print(f"{name:28} {share:.2f}")
    return {"studies": studies, "tasks": tasks, "coverage": found, "built_in": built_in(),
            "simulation_minutes": round((time.monotonic() - began) / 60, 2)}  # fmt: skip


def _told(done: int) -> None:
    if done % 10 == 0:
        print(f"{done} studies simulated", flush=True)


def _real(folder: Path, workers: int) -> dict[str, object]:
    """Run the rehearsal as a user does."""
    output = folder / "real"
    finished(output, ["--workers", str(workers), "--no-mlflow"])
    found, count = entries(output), len(shipped_tasks())
    return {
        "real_tasks": count,
        "real_calls": len(of_kind(found, "call")),
        "tasks_per_minute": round(count / work_s(output) * 60, 2),
        "judge_ms": judge_ms(found),
    }


if __name__ == "__main__":
    main()
