"""Measure how well trials use the machine.

`python -m benchmarks.throughput`

Trials on the procedural dataset (quarter-width ResNet-18 at 15 % of its MACs, the default proxy) are run by the real
session, Tune and actors with one worker and with two. For comparison, in the same run:

* the same trials in bare processes, one and two at a time, which shows what the cores can do;
* the serial loop of the published code, which creates model, graph, importance, pruned model and data for each trial;
* an LLM that takes five seconds per call against one that answers at once.

A trial's overhead is the time in which its worker waits: all time from the start of a worker's first trial to the end
of its last that the ledger does not record as compute. The cost of a slow LLM is the share of a search's duration in
which workers do not compute, compared with a fast LLM. Both are measured within one search, because the machine's speed
varies more between two of them; the raw ratios of seconds are reported too, and the driver's own CPU time.

Weights are random, because nothing here depends on accuracy. The last line is one JSON object.
"""

import argparse
import json
import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.peers import pruner
from llm_clients.scripted.script import Script
from pruning.counter import count_macs
from pruning.importance.registry import importance
from pruning.models import create_model
from pruning.selection import select
from pruning.slicing import slice_model
from search.control.session import SearchSession
from search.execution.cluster import prepare_environment, ray_session
from search.proposers.asking.calls import CallBook
from search.proposers.asking.llm import CallSettings, LLMProposer
from search.proposers.base import Proposer
from search.proposers.registry import CLASSICAL
from search.setup.config import make_config
from search.setup.preparation import Prepared, prepare
from search.setup.rules import session_rules
from search.space.search_space import SearchSpace
from tracking.events import payloads_of
from tracking.ledger import Ledger
from tracking.payloads import Proposed, TrialEnded
from trainers.datasets import shapes
from trainers.proxy import proxy_data, proxy_rungs

if TYPE_CHECKING:
    from search.execution.trial import TrialContext

TARGET = 0.15
LATENCY_S = 5.0
_CONFIG = {"model": "resnet18_quarter", "dataset": "shapes", "target_macs": f"{TARGET:.0%}", "criteria": "l2"}


@dataclass(frozen=True, slots=True)
class SearchRun:
    """The measurements of one search.

    Attributes:
        wall_s: seconds from the start of the first trial to the end of the last.
        compute_s: seconds in which workers computed, summed over workers.
        waited_s: seconds in which workers waited between their first trial's start and their last one's end, summed.
        late_s: seconds from the search's first trial to each worker's first trial, summed.
        driver_cpu_s: CPU seconds of the driver.
        allocations: the trials' allocations.
    """

    wall_s: float
    compute_s: float
    waited_s: float
    late_s: float
    driver_cpu_s: float
    allocations: tuple[tuple[int, ...], ...]

    @property
    def per_minute(self) -> float:
        """Trials per minute."""
        return 60 * len(self.allocations) / self.wall_s

    @property
    def overhead_ms(self) -> float:
        """Waiting time per trial, in milliseconds."""
        return 1e3 * self.waited_s / len(self.allocations)

    @property
    def overhead_share(self) -> float:
        """Waiting time as a share of the compute time."""
        return self.waited_s / self.compute_s

    @property
    def busy_share(self) -> float:
        """Compute as a share of the workers' time, from the first trial's start to each worker's last end."""
        return self.compute_s / (self.compute_s + self.waited_s + self.late_s)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--serial-trials", type=int, default=8)
    options = parser.parse_args()
    torch.set_num_threads(1)
    prepare_environment(local=True)  # Ray reads its environment on import
    workers = 2
    # Runs that are compared follow each other directly, because the machine's speed changes within minutes.
    one = _report("one worker", _run_search("random", options.trials, workers=1))
    bare_one = _run_bare(one.allocations, 1)
    two = _report("two workers", _run_search("random", options.trials, workers=workers))
    bare_two = _run_bare(one.allocations, workers)
    print(f"bare processes: {bare_one:.1f} s one at a time, {bare_two:.1f} s two at a time", flush=True)
    halved = _report("two workers, halving", _run_search("random", options.trials, workers=workers, eta=3.0))
    serial, loading = _run_serial_loop(options.serial_trials)
    print(f"the serial loop: {60 / serial:.1f} trials per minute, {loading:.1f} s of each for its loader", flush=True)
    quick = _report("an LLM that answers at once", _run_search("llm", options.trials, workers=workers, latency_s=0.0))
    slow = _report("an LLM that thinks 5 s", _run_search("llm", options.trials, workers=workers, latency_s=LATENCY_S))
    found = {
        "trials_per_minute": {"1": one.per_minute, "2": two.per_minute, "2_halving": halved.per_minute},
        "parallel_efficiency": (one.wall_s / two.wall_s) / (bare_one / bare_two),
        "cores_own_speedup": bare_one / bare_two,
        "overhead_ms": max(one.overhead_ms, two.overhead_ms),
        "overhead_share": max(one.overhead_share, two.overhead_share),
        "driver_cpu_ms": 1e3 * two.driver_cpu_s / options.trials,
        "seconds_over_bare": {"1": one.wall_s / bare_one, "2": two.wall_s / bare_two},
        "vs_serial_loop": halved.per_minute * serial / 60,
        "vs_serial_loop_full_trials": two.per_minute * serial / 60,
        "vs_serial_loop_with_one_loader": halved.per_minute * (serial - loading) / 60,
        "slow_proposer_loss": 1 - slow.busy_share / quick.busy_share,
        "slow_proposer_loss_by_seconds": 1 - slow.per_minute / quick.per_minute,
    }
    print(json.dumps({"cpus": os.cpu_count(), "trials": options.trials} | _round_values(found)))


def _run_search(arm: str, trials: int, *, workers: int, eta: float = 1.0, latency_s: float | None = None) -> SearchRun:
    """Run a search by the real session, Tune and actors; eta 1 trains every trial to its end."""
    with tempfile.TemporaryDirectory(prefix="espalier-") as scratch:
        folder = Path(scratch)
        fields = {**_CONFIG, "trials": trials, "workers": workers, "eta": eta, "runs": folder / "runs"}
        if latency_s is None:
            fields["proposer"] = arm
        else:
            script = Script(model="scripted-thinker", answers=_answers(trials), latency_s=latency_s)
            (folder / "script.json").write_text(script.model_dump_json())
            fields["llm"] = f"scripted:{folder / 'script.json'}"
        prepared = prepare(make_config(fields))
        context = _context(prepared)
        space = prepared.space(context.scores)
        with Ledger.create(folder / "ledger.jsonl") as ledger, ray_session(None, prepared.needs):
            from search.execution.tuning import run_trials

            proposer = _proposer(arm, prepared, space, ledger)
            session = SearchSession(space, proposer, session_rules(prepared), ledger, prepared.window)
            session.begin()
            cpu_before = time.process_time()
            run_trials(session, context, workers=workers, cpus=1.0, gpus=0.0, storage=folder / "ray")
            driver_cpu_s = time.process_time() - cpu_before
            proposer.close()
            ended = payloads_of(ledger.events, TrialEnded)
            allocations = tuple(record.allocation for record in payloads_of(ledger.events, Proposed))
    assert len(ended) == trials, f"{len(ended)} of {trials} trials ended"
    spans = _spans(ended)
    assert len(spans) == workers, f"{len(spans)} actors served {workers} workers"
    first = min(start for start, _ in spans)
    wall_s = (max(end for _, end in spans) - first).total_seconds()
    served_s = sum((end - start).total_seconds() for start, end in spans)
    late_s = sum((start - first).total_seconds() for start, _ in spans)
    compute_s = sum(_compute_seconds(record) for record in ended)
    return SearchRun(wall_s, compute_s, served_s - compute_s, late_s, driver_cpu_s, allocations)


def _compute_seconds(record: TrialEnded) -> float:
    assert record.compute_s is not None, f"trial {record.trial} reported no compute time"
    return record.compute_s


def _spans(ended: Sequence[TrialEnded]) -> list[tuple[datetime, datetime]]:
    """For each actor, its first trial's start and its last one's end."""
    spans: dict[str, tuple[datetime, datetime]] = {}
    for record in ended:
        if record.actor is None or record.started is None or record.ended is None:
            raise RuntimeError(f"trial {record.trial} never ran: {record.error}")
        start, end = spans.get(record.actor, (record.started, record.ended))
        spans[record.actor] = (min(start, record.started), max(end, record.ended))
    return list(spans.values())


def _answers(trials: int) -> tuple[Any, ...]:
    """Answers with as many different strategies as there are trials, four per answer, as the prompt requests."""
    sets = len(prepare(make_config(_CONFIG)).profile.sets)
    rng = random.Random(0)
    fixed = {"importance": "l2", "ranking": "local", "rationale": "drawn at random"}
    strategies = [{"keep": [round(rng.uniform(0.2, 0.9), 3) for _ in range(sets)], **fixed} for _ in range(trials)]
    return tuple({"strategies": strategies[start : start + 4]} for start in range(0, trials, 4))


def _proposer(arm: str, prepared: Prepared, space: SearchSpace, ledger: Ledger) -> Proposer:
    if prepared.client is None:
        return CLASSICAL[arm](space)
    settings = CallSettings(trials=prepared.config.trials)
    return LLMProposer(space, prepared.client, CallBook(ledger, space), settings)


def _context(prepared: Prepared) -> "TrialContext":
    from search.execution.trial import TrialContext

    base = create_model(prepared.spec)
    splits = prepared.dataset.splits(None, seed=prepared.config.seed, input_size=prepared.spec.image_size)
    return TrialContext(
        base=base,
        plan=prepared.plan,
        scores={"l2": importance("l2").scores(base, prepared.plan)},
        data=proxy_data(splits, prepared.proxy_recipe, prepared.config.seed),
        recipe=prepared.proxy_recipe,
        seed=prepared.config.seed,
        threads=1,
    )


def _run_bare(allocations: Sequence[tuple[int, ...]], processes: int) -> float:
    """Seconds for the same trials in processes that do nothing else, with the trials distributed in turn."""
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(processes + 1)
    shares = [list(allocations[start::processes]) for start in range(processes)]
    workers = [spawn.Process(target=_bare_worker, args=(share, barrier)) for share in shares]
    for worker in workers:
        worker.start()
    barrier.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0, "a bare process failed"
    return time.perf_counter() - start


def _bare_worker(allocations: Sequence[tuple[int, ...]], barrier: Any) -> None:
    torch.set_num_threads(1)
    context = _context(prepare(make_config({**_CONFIG, "proposer": "random"})))
    barrier.wait()
    for allocation in allocations:
        model = slice_model(context.base, context.plan, select(context.scores["l2"], allocation))
        for _ in proxy_rungs(model, context.data, context.recipe, seed=context.seed):
            pass
    # Skip the interpreter's shutdown, which is no part of a trial.
    os._exit(0)


def _run_serial_loop(trials: int) -> tuple[float, float]:
    """Time the loop that creates everything for each trial, as the published code does, with the same proxy.

    Returns:
        Seconds per trial, and how many of them its data loader takes. The loader of the procedural dataset draws its
        images, where another one reads files.
    """
    prepared = prepare(make_config({**_CONFIG, "proposer": "random"}))
    weights = create_model(prepared.spec).state_dict()
    start, loading = time.perf_counter(), 0.0
    for _ in range(trials):
        base = create_model(prepared.spec)
        base.load_state_dict(weights)
        ratio = 1 - TARGET**0.5  # MACs go with the square of the width
        pruner(base, prepared.spec.image_size, ratio=ratio, classes=prepared.spec.num_classes).step()
        count_macs(base, prepared.spec.image_size)
        began = time.perf_counter()
        shapes.drawn.cache_clear()
        splits = prepared.dataset.splits(None, seed=0, input_size=prepared.spec.image_size)
        data = proxy_data(splits, prepared.proxy_recipe, 0)
        loading += time.perf_counter() - began
        for _ in proxy_rungs(base, data, prepared.proxy_recipe, seed=0):
            pass
    return (time.perf_counter() - start) / trials, loading / trials


def _report(what: str, ran: SearchRun) -> SearchRun:
    trials = f"{len(ran.allocations)} trials in {ran.wall_s:.1f} s, {ran.per_minute:.1f} per minute"
    print(f"{what}: {trials}, {ran.overhead_ms:.0f} ms of waiting each, {ran.busy_share:.1%} busy", flush=True)
    return ran


def _round_values(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _round_values(part) for name, part in value.items()}
    return round(value, 4)


if __name__ == "__main__":
    main()
