"""Run the benchmark of arms (see the package's docstring).

The last line is one JSON object. After an interrupt the same command continues where it stopped.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.search import table
from benchmarks.search.clock import Clock
from benchmarks.search.figures import Result, agreement, gain, mean_ranks, over_budget, standings
from benchmarks.search.memo import Memo
from benchmarks.search.protocol import PEERS, Job, Kind, Terms
from benchmarks.search.work import identity, run_job

QUICK = Terms(
    shares=("15%",),
    seeds=2,
    arms=("rules", "uniform", "isomorphic", "knapsack"),
    trials=5,
    base_epochs=6,
    finetune_epochs=3,
    sampled=4,
)


def main() -> None:
    """Run the jobs that are missing, then print the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small version for trying out, which takes ten minutes")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=None, help="default: 5, or 2 with --quick")
    parser.add_argument("--out", type=Path, default=Path("benchmark-search"), help="folder of the results")
    options = parser.parse_args()
    for name, given in (("--processes", options.processes), ("--seeds", options.seeds)):
        if given is not None and given < 1:
            parser.error(f"{name} {given} cannot be used: give 1 or more")
    terms = QUICK if options.quick else Terms()
    if options.seeds is not None:
        terms = replace(terms, seeds=options.seeds)
    options.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    pool = ProcessPoolExecutor(options.processes, mp_context=multiprocessing.get_context("spawn"))
    try:
        results = [
            made
            for jobs in (terms.bases(), terms.jobs())
            for made in _run_jobs(pool, options.processes, terms, options.out, jobs)
        ]
    except KeyboardInterrupt:
        sys.exit(f"interrupted; the same command continues from the results in {options.out}")
    finally:
        pool.shutdown(cancel_futures=True)
    arms, peers = _of(Kind.ARM, results), _of(Kind.PEER, results)
    rows = standings(arms, peers)
    table.show(rows)
    found = {
        "cells": [asdict(row) for row in rows],
        **_figures(terms, arms, peers, results),
        "terms": asdict(terms),
        "processes": options.processes,
        "work_s": round(sum(values["job_s"] for _, values in results), 1),
        "cpus": os.cpu_count(),
        "wall_s": round(time.monotonic() - began, 1),
    }
    print(json.dumps(found))


def _run_jobs(
    pool: ProcessPoolExecutor, processes: int, terms: Terms, folder: Path, jobs: Sequence[Job]
) -> list[tuple[Job, Any]]:
    """Run the jobs that have no result in the folder, and return all jobs with their results, in order."""
    memo = Memo(folder)
    missing = [job for job in jobs if not memo.holds(identity(terms, job))]
    if len(missing) < len(jobs):
        print(f"{len(jobs) - len(missing)} of {len(jobs)} results are there already", flush=True)
    futures = {pool.submit(run_job, terms, folder, job): job for job in missing}
    clock = Clock([job.kind for job in missing], processes)
    for count, future in enumerate(as_completed(futures), start=1):
        job, result = futures[future], future.result()
        clock.done(job.kind, result["job_s"])
        where = f"{job.place.model.rpartition(':')[2]} at {job.place.share}, seed {job.place.seed}"
        said = f"{result['accuracy']:.2%}" if "accuracy" in result else ""
        print(
            f"[{count} of {len(missing)}, {clock.left_s() / 60:.0f} min left] {where}: {job.kind} {job.name} {said}",
            flush=True,
        )
    return [(job, run_job(terms, folder, job)) for job in jobs]


def _of(kind: Kind, results: Sequence[tuple[Job, Any]]) -> list[Result]:
    return [Result(job.place, job.name, values) for job, values in results if job.kind is kind]


def _figures(
    terms: Terms, arms: Sequence[Result], peers: Sequence[Result], results: Sequence[tuple[Job, Any]]
) -> dict[str, Any]:
    sampled = _of(Kind.PROXY, results)
    ranks = mean_ranks(arms)
    best = next(iter(ranks))
    gains = {}
    for name in ("isomorphic", "knapsack", "uniform", *PEERS):
        won = gain(arms, [result for result in (*arms, *peers) if result.name == name])
        gains[f"gain_over_{name.replace('-', '_').replace(' ', '_')}"] = None if won is None else asdict(won)
    worth = [found for model in terms.models if (found := agreement(model, sampled, arms)) is not None]
    return {
        "best_arm": best,
        "best_arm_mean_rank": ranks[best],
        "mean_ranks": ranks,
        **gains,
        "over_budget": over_budget(arms, [*peers, *sampled]),
        "proxy_spearman": {found.model: asdict(found) for found in worth},
        "base_holdout": {
            f"{job.place.model} seed {job.place.seed}": values["holdout_accuracy"]
            for job, values in results
            if job.kind == Kind.BASE
        },
    }


if __name__ == "__main__":
    main()
