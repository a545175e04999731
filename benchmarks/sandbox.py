"""Time the start of a sandbox, and let every hostile program of the tests try to get out of it.

`python -m benchmarks.sandbox [--backend auto|bwrap|docker|none]`

Prints progress; the last line is one JSON object:

* `start_ms`: median wall time of a run of an empty script, one after another, all of the parent's work included;
  `start_cpu_ms` is the mean processor time of the processes that a run takes.
* `check_ms`: median of a run that judges a solution by one check.
* `runs_per_s`: empty scripts a second with as many at once as `--workers` says.
* `hostile`, `escapes`, `misjudged`: the programs of `tests/sandbox/hostile.py`, how many reached anything outside, and
  how many ended otherwise than they have to. Without isolation they do not run.
"""

import argparse
import json
import os
import resource
import statistics
import time

from sandbox.job import Job, script, solution
from sandbox.limits import Limits
from sandbox.pool import run_all
from sandbox.registry import NAMES, open_sandbox
from sandbox.runner import Sandbox

_PATIENT = Limits(wall_s=120)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", choices=NAMES, default=NAMES[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    asked = parser.parse_args()
    box = open_sandbox(asked.backend, allow_none=True)
    empty = script("pass", limits=_PATIENT)
    check = solution("def double(x): return 2 * x", "assert double(21) == 42", limits=_PATIENT)
    box.run(check)  # compiles what runs inside
    before = _children_cpu_s()
    start_ms = _median_ms(box, empty, asked.runs)
    figures = {
        "backend": box.name,
        "start_ms": start_ms,
        "start_cpu_ms": round((_children_cpu_s() - before) / asked.runs * 1000, 1),
        "check_ms": _median_ms(box, check, asked.runs),
        "workers": asked.workers,
        "runs_per_s": _rate(box, empty, asked.runs, asked.workers),
        **(_hostile(box) if box.sandboxed else {}),
    }
    print(json.dumps(figures))


def _median_ms(box: Sandbox, job: Job, runs: int) -> float:
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        assert box.run(job).passed
        times.append(time.perf_counter() - started)
    return round(statistics.median(times) * 1000, 1)


def _rate(box: Sandbox, job: Job, runs: int, workers: int) -> float:
    started = time.perf_counter()
    results = list(run_all(box, ((number, job) for number in range(runs)), workers))
    assert all(result.passed for _, result in results)
    return round(runs / (time.perf_counter() - started), 1)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _hostile(box: Sandbox) -> dict[str, int]:
    from tests.sandbox.hostile import PROGRAMS
    from tests.sandbox.world import planted

    programs = [hostile for hostile in PROGRAMS if not (box.name == "docker" and hostile.counted_by_docker)]
    escapes = misjudged = 0
    with planted() as world:
        for hostile in programs:
            result, did = world.run(box, hostile)
            fits = hostile.fits(result, one_user=box.name == "bwrap" and os.geteuid() != 0)
            escapes += bool(did)
            misjudged += not fits
            limit = f" ({result.limit.value})" if result.limit else ""
            print(
                f"{hostile.name}: {result.outcome.value}{limit}{'' if fits else ' — not as it has to'}", *did, sep="; "
            )
    return {"hostile": len(programs), "escapes": escapes, "misjudged": misjudged}


if __name__ == "__main__":
    main()
