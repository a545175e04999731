"""Four proxy trials at once on one GPU, in a process each, beside the same four one after another."""

import queue
import statistics
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from typing import Any

import torch
import torch.multiprocessing as mp

from benchmarks.training.models import base_and_cut
from trainers.choices import OptimizerName
from trainers.proxy import ProxyData, proxy_rungs
from trainers.recipe import ProxyRecipe

TRIALS = 4
_SIDES = {"small": 32, "large": 224}
_NAMES = {"small": "resnet18_quarter", "large": "resnet50"}


def packed(kind: str, device: torch.device, *, dry: bool) -> dict[str, Any]:
    """How much faster four processes are than one after another; each has taken a trial before, to warm up.

    Args:
        kind: `small`, a network whose steps wait for the process, or `large`, one that fills a GPU.
        device: that they share.
        dry: a few images, to see that it runs.
    """
    context = mp.get_context("spawn")
    barrier, results = context.Barrier(TRIALS), context.Queue()
    workers = [context.Process(target=_work, args=(r, kind, str(device), dry, barrier, results)) for r in range(TRIALS)]
    for worker in workers:
        worker.start()
    found = [_next(results, workers) for _ in workers]
    errors = [one["error"] for one in found if "error" in one]
    for worker in workers:
        if errors:
            worker.terminate()
        worker.join()
    if errors:
        return {"error": errors[0]}
    together = max(one["together_s"] for one in found)
    alone = next(one["alone_s"] for one in found if "alone_s" in one)
    return {
        "trials": TRIALS,
        "together_s": together,
        "one_after_another_s": alone,
        "packed": alone / together,
        "accuracy": statistics.mean(one["accuracy"] for one in found),
    }


def _next(results: Any, workers: Sequence[Any]) -> dict[str, Any]:
    """The next result; that of a process which has ended without one is an error."""
    while True:
        try:
            result: dict[str, Any] = results.get(timeout=1)
            return result
        except queue.Empty:
            failed = [worker.exitcode for worker in workers if worker.exitcode]
            if failed:
                return {"error": f"a process ended with {failed[0]}"}


def _work(rank: int, kind: str, device: str, dry: bool, barrier: Barrier, results: Any) -> None:
    try:
        results.put(_timed(rank, kind, torch.device(device), dry, barrier))
    except Exception as error:  # noqa: BLE001  a process's boundary: the parent reports it
        barrier.abort()
        results.put({"error": f"{type(error).__name__}: {error}"[:500]})


def _timed(rank: int, kind: str, device: torch.device, dry: bool, barrier: Barrier) -> dict[str, Any]:
    torch.set_num_threads(1)
    side = 32 if dry else _SIDES[kind]
    model = base_and_cut(_NAMES["small" if dry else kind], 10, side, 0.5, 8)[-1]
    data, recipe = _data(kind, side, dry), _recipe(kind, dry)

    def trial() -> float:
        return [rung.accuracy for rung in proxy_rungs(model.fresh(), data, recipe, seed=0, device=device)][-1]

    accuracy = trial()
    barrier.wait()
    began = time.perf_counter()
    trial()
    found = {"together_s": time.perf_counter() - began, "accuracy": accuracy}
    barrier.wait()
    if rank == 0:
        began = time.perf_counter()
        for _ in range(TRIALS):
            trial()
        found["alone_s"] = time.perf_counter() - began
    barrier.wait()
    return found


def _data(kind: str, side: int, dry: bool) -> ProxyData:
    count = 96 if dry else {"small": 4000, "large": 1024}[kind]
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 10
    images = torch.randn((count, 3, side, side), generator=draw) + labels[:, None, None, None] / 5
    return ProxyData(images, labels, images[: count // 4], labels[: count // 4], shift=2, flip=True)


def _recipe(kind: str, dry: bool) -> ProxyRecipe:
    if dry or kind == "small":
        return ProxyRecipe(optimizer=OptimizerName.ADAMW, lr=4e-3, rungs=(1,) if dry else (1, 2, 4), batch_size=40)
    return ProxyRecipe(lr=0.02, weight_decay=1e-4, rungs=(1, 2), batch_size=128)
