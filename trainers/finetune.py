"""The winner's fine-tune on a Ray cluster: Ray Train starts the workers, our own loop does the rest.

Ray is imported here and in `trainers/cluster/` only.
"""

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ray
import ray.train
import ray.train.collective
import ray.train.torch
import torch
from ray.train.torch.config import _TorchBackend
from ray.train.v2._internal.exceptions import WorkerGroupStartupTimeoutError

from trainers.cluster.folders import check_shared
from trainers.cluster.group import Group, check_group
from trainers.cluster.room import NoRoomError, in_turn
from trainers.devices import claim_device
from trainers.errors import FinetuneError, TrainerError
from trainers.history import EpochReport, EpochTail
from trainers.job import (
    EPOCHS,
    STARTED,
    FinetuneJob,
    FinetuneResult,
    check_job,
    prepare_folder,
    request_stop,
    result_of,
    run_job,
)
from trainers.loopback import LOOPBACK, join_on_loopback
from trainers.place import Place
from trainers.recipe import Recipe
from trainers.workers import Workers

_log = logging.getLogger(__name__)

_POLL_S = 0.2
_HEALTH_CHECK_S = 0.5
_RESIZE_S = 60.0
_WORLD = "world"
"""In `out_dir`: how many workers train, or trained last."""


def finetune(
    checkpoint_dir: Path,
    dataset_name: str,
    data_path: Path | None,
    recipe: Recipe,
    *,
    seed: int,
    workers: int | Workers,
    use_gpu: bool = False,
    out_dir: Path,
    storage_dir: Path,
    trusted: Collection[str] = (),
    on_epoch: Callable[[EpochReport], None] | None = None,
    cpus_per_worker: int = 1,
    max_failures: int = 2,
    start_timeout_s: float = 600.0,
    resize_every_s: float = _RESIZE_S,
) -> FinetuneResult:
    """Train a pruned checkpoint with DDP on Ray workers; Ray must have been started.

    Where others have what the workers need, they wait for it. With workers on several nodes, `out_dir` and
    `storage_dir` must be folders that all nodes see, which is checked first.

    Args:
        checkpoint_dir: the pruned model, as `save_pruned` wrote it.
        dataset_name: as the registry knows it.
        data_path: folder of a dataset that is read from disk.
        recipe: how to train.
        seed: the search's, as it decides the holdout.
        workers: how many DDP workers. With a range, they begin as many as there is room for, and become more or fewer
            with the nodes of the cluster, always at the recipe's batch size.
        use_gpu: whether each has a GPU.
        out_dir: receives the model, the epochs and the state. If it holds the state of the same training already,
            that training is continued.
        storage_dir: for Ray Train's own files.
        trusted: factories that the checkpoint may name as its model, because the user named them.
        on_epoch: called in the caller's thread while training runs; first with the epochs of a continued training.
        cpus_per_worker: CPUs and torch threads of each worker.
        max_failures: how often workers may fail.
        start_timeout_s: seconds within which a worker must have started, once there is room.
        resize_every_s: seconds between two looks at whether a range has room for more workers.

    Raises:
        ResourcesError: the cluster is too small, or has become so, or a node does not see the folders.
        FinetuneError: workers failed more than `max_failures` times, or none started in time.
        StateError: `out_dir` holds another training's state.
        TrainerError: also any error of the dataset.
        PruningError: the checkpoint cannot be read.
    """
    began = time.perf_counter()
    group = Group.of(workers, gpu=use_gpu, cpus=cpus_per_worker)
    check_group(group)
    job = FinetuneJob(
        checkpoint_dir=checkpoint_dir.absolute(),
        dataset=dataset_name,
        data_path=data_path.absolute() if data_path else None,
        recipe=recipe,
        seed=seed,
        out_dir=out_dir.absolute(),
        trusted=tuple(trusted),
    )
    check_job(job)
    prepare_folder(job)
    read = [job.checkpoint_dir, *([job.data_path] if job.data_path else [])]
    check_shared(job.out_dir, read, gpu=group.gpu)
    # How often Ray Train's controller checks whether a worker has died or ended; it reads this when it starts.
    os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", str(_HEALTH_CHECK_S))
    tail = EpochTail(job.out_dir / EPOCHS)

    def report_new() -> None:
        for report in tail.new():
            if on_epoch is not None:
                on_epoch(report)

    def train(group: Group) -> None:
        (job.out_dir / STARTED).unlink(missing_ok=True)
        _run(_trainer(job, group, max_failures, storage_dir, resize_every_s), job, report_new, start_timeout_s)

    in_turn(group, train, _log.warning)
    return result_of(job, _trained(job, group.workers), time.perf_counter() - began)


def _trained(job: FinetuneJob, workers: Workers) -> int:
    """How many workers trained last."""
    return workers.least if workers.is_fixed else int((job.out_dir / _WORLD).read_text(encoding="utf-8"))


def _trainer(
    job: FinetuneJob, group: Group, max_failures: int, storage_dir: Path, resize_every_s: float
) -> ray.train.torch.TorchTrainer:
    backend, private = _backend(group.gpu), _on_loopback()
    return ray.train.torch.TorchTrainer(
        _work,
        train_loop_config={
            "job": job.model_dump_json(),
            "threads": group.cpus,
            "loopback": backend if private else None,
        },
        torch_config=(_OwnGroup if private else ray.train.torch.TorchConfig)(backend=backend),
        scaling_config=ray.train.ScalingConfig(**group.scaling(resize_every_s)),
        run_config=ray.train.RunConfig(
            # A new name each time: with an old one Ray Train would resume by its own checkpoints.
            name=f"finetune-{uuid.uuid4().hex[:12]}",
            storage_path=str(storage_dir.absolute()),
            failure_config=ray.train.FailureConfig(max_failures=max_failures, controller_failure_limit=1),
            logging_config=ray.train.LoggingConfig(log_level="WARNING"),
        ),
    )


def _backend(use_gpu: bool) -> str:
    return "nccl" if use_gpu else "gloo"


def _on_loopback() -> bool:
    """Whether all of Ray's nodes are on loopback, as that of a private session is."""
    return all(node["NodeManagerAddress"] == LOOPBACK for node in ray.nodes() if node["Alive"])


class _NoGroup(_TorchBackend):
    """Ray's preparation of its workers without the process group, whose store would listen on all interfaces."""

    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        """Leave it to the workers themselves, see `trainers.loopback`."""


class _OwnGroup(ray.train.torch.TorchConfig):
    @property
    def backend_cls(self) -> type[_NoGroup]:
        return _NoGroup


def _work(config: dict[str, Any]) -> None:
    """What Ray Train runs in each worker."""
    torch.set_num_threads(config["threads"])
    job = FinetuneJob.model_validate_json(config["job"])
    if config["loopback"] is not None:
        context = ray.train.get_context()
        rank, world = context.get_world_rank(), context.get_world_size()
        join_on_loopback(config["loopback"], rank, world, ray.train.collective.broadcast_from_rank_zero)
    place = Place.here(claim_device([str(gpu) for gpu in ray.get_gpu_ids()]))
    if place.is_main:
        (job.out_dir / _WORLD).write_text(str(place.world), encoding="utf-8")
        (job.out_dir / STARTED).write_text(str(os.getpid()), encoding="utf-8")
    outcome = run_job(job, place)
    # Once at the end: a report waits for the next check of Ray's controller, and would delay each epoch by it.
    ray.train.report(asdict(outcome.history[-1]))


def _run(
    trainer: ray.train.torch.TorchTrainer,
    job: FinetuneJob,
    report_new: Callable[[], None],
    start_timeout_s: float,
) -> None:
    """Wait for the trainer, and report its epochs meanwhile.

    `fit` runs in its own thread: in the main thread it would replace the handler of Ctrl-C for good.
    """
    failures: list[Exception] = []

    def fit() -> None:
        try:
            trainer.fit()
        except Exception as error:  # noqa: BLE001 - a thread's boundary: raised again by the caller
            failures.append(error)

    thread = threading.Thread(target=fit, name="ray-train-fit", daemon=True)
    deadline = time.monotonic() + start_timeout_s
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_POLL_S)
            report_new()
            if time.monotonic() > deadline and not (job.out_dir / STARTED).exists():
                raise FinetuneError(_describe_not_started(start_timeout_s))
    except BaseException:
        request_stop(job.out_dir)
        raise
    if failures:
        raise _as_ours(failures[0]) from failures[0]
    report_new()


def _describe_not_started(timeout_s: float) -> str:
    free = ray.available_resources()
    return (
        f"no fine-tune worker started within {timeout_s:g} s; the cluster's free resources are "
        f"{free.get('CPU', 0):g} CPUs and {free.get('GPU', 0):g} GPUs: "
        "end what uses the rest, or ask for fewer workers"
    )


def _as_ours(error: Exception) -> TrainerError:
    """Ray's error as one of this room: the first worker's own if it is one, else its last line."""
    if isinstance(getattr(error, "controller_failure", None), WorkerGroupStartupTimeoutError):
        return NoRoomError("the room of the fine-tune workers was taken before they started")
    causes = list(getattr(error, "worker_failures", {}).values()) or [error]
    for cause in causes:
        if isinstance(cause, TrainerError):
            return cause
    first = causes[0]
    return FinetuneError(f"the fine-tune failed: {type(first).__name__}: {str(first).strip().splitlines()[-1]}")
