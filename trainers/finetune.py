"""The winner's fine-tune on a Ray cluster: Ray Train starts the workers, our own loop does the rest.

Ray is imported here and in `trainers/cluster/` only.
"""

import logging
import os
import threading
import time
import uuid
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ground.importing import without_collection

with without_collection():  # each worker is a process of its own, which imports all of this
    import ray
    import ray.exceptions
    import ray.train
    import ray.train.collective
    import ray.train.torch
    import torch
    from ray._private import worker
    from ray.train.v2._internal.exceptions import WorkerGroupStartupTimeoutError

from trainers.cluster.bf16 import all_compute_in_bf16
from trainers.cluster.folders import check_shared
from trainers.cluster.group import Group, check_group
from trainers.cluster.room import NoRoomError, in_turn
from trainers.cluster.trainer import ClusterTrainer, OwnGroup, PrivateTrainer
from trainers.devices import claim_device
from trainers.errors import FinetuneError, TrainerError
from trainers.failure import FAILED, is_lost_worker, read_failure, write_failure
from trainers.hearing import Heard
from trainers.holding import held
from trainers.job import (
    PROGRESS,
    STARTED,
    FinetuneJob,
    FinetuneResult,
    OnEpoch,
    check_job,
    prepare_folder,
    request_stop,
    result_of,
    run_job,
)
from trainers.loopback import LOOPBACK, join_on_loopback
from trainers.place import Place
from trainers.progress import Check, OnProgress, Paced, Progress, unchecked, unheard, write_progress
from trainers.recipe import Recipe
from trainers.running_out import going_on
from trainers.seen import check_seen, mark
from trainers.workers import Workers

_log = logging.getLogger(__name__)

_POLL_S = 0.2
_WAITING_S = 20.0
"""Between two lines about workers that have not started."""
_WRITE_EVERY_S = 1.0
"""Between two notes of how an epoch stands."""
_HEALTH_CHECK_S = 0.5
_RESIZE_S = 60.0
_MEMORY_PAGE = "debug-apps/debug-memory"
"""Part of what Ray says where it has ended a process because its node ran low on memory: an address, and no word."""
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
    teacher_dir: Path | None = None,
    trusted: Collection[str] = (),
    stop_after: int | None = None,
    on_epoch: OnEpoch | None = None,
    on_progress: OnProgress = unheard,
    check: Check = unchecked,
    cpus_per_worker: int = 1,
    max_failures: int = 2,
    start_timeout_s: float = 600.0,
    resize_every_s: float = _RESIZE_S,
) -> FinetuneResult:
    """Train a pruned checkpoint with DDP on Ray workers; Ray must have been started.

    Where others have what the workers need, they wait for it. Several threads may each train something. With workers
    on several nodes, `out_dir` and `storage_dir` must be folders that all nodes see, which is checked first.

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
        teacher_dir: the unpruned model, for a recipe with distillation.
        trusted: factories that the checkpoint may name as its model, because the user named them.
        stop_after: the epoch after which it ends, to be continued later; None trains to the end of the recipe.
        on_epoch: called in the caller's thread while training runs; first with the epochs of a continued training.
        on_progress: called in the caller's thread with what the fine-tune is doing, from its first second on.
        check: called in the caller's thread every second or so; what it raises ends the fine-tune, as Ctrl-C does.
        cpus_per_worker: CPUs and torch threads of each worker.
        max_failures: how often workers may be lost. An error of the training itself ends it at once; memory that runs
            out lets it go on with smaller passes.
        start_timeout_s: seconds within which a worker must have started, once there is room.
        resize_every_s: seconds between two looks at whether a range has room for more workers.

    Raises:
        ResourcesError: the cluster is too small, or has become so, or a node does not see the folders.
        FinetuneError: workers were lost more than `max_failures` times, or none started in time.
        WorkersDifferError: workers see different weights or data, or not the driver's `out_dir`.
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
        teacher_dir=teacher_dir.absolute() if teacher_dir else None,
        trusted=tuple(trusted),
        stop_after=stop_after,
    ).resolved(gpu=group.gpu, bf16=all_compute_in_bf16())
    check_job(job)
    with held(job.out_dir):
        prepare_folder(job)
        read = [job.checkpoint_dir, *([job.data_path] if job.data_path else [])]
        check_shared(job.out_dir, read, gpu=group.gpu)
        # How often Ray Train's controller checks whether a worker has died or ended; it reads this when it starts.
        os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", str(_HEALTH_CHECK_S))
        heard = Heard(job.out_dir, on_epoch, on_progress)

        def train(group: Group) -> None:
            (job.out_dir / STARTED).unlink(missing_ok=True)
            _run(_trainer(job, group, max_failures, storage_dir, resize_every_s), job, heard, start_timeout_s, check)

        def train_on(group: Group) -> None:
            going_on(job.out_dir, lambda: train(group))

        in_turn(group, train_on, lambda waits: heard.tell(Progress(waits)), check)
        result = result_of(job, _trained(job, group.workers), time.perf_counter() - began)
    # What a worker logs is not shown here.
    for path, reason in result.unreadable.items():
        _log.warning("the image %r cannot be read (%s): it was left out of the fine-tune", path, reason)
    return result


def _trained(job: FinetuneJob, workers: Workers) -> int:
    """How many workers trained last."""
    return workers.least if workers.is_fixed else int((job.out_dir / _WORLD).read_text(encoding="utf-8"))


def _trainer(
    job: FinetuneJob, group: Group, max_failures: int, storage_dir: Path, resize_every_s: float
) -> ClusterTrainer:
    backend, private = _backend(group.gpu), _on_loopback()
    return (PrivateTrainer if _own_session() else ClusterTrainer)(
        _work,
        train_loop_config={
            "job": job.model_dump_json(),
            "threads": group.cpus,
            "loopback": backend if private else None,
            "driver": mark(job.out_dir),
        },
        torch_config=(OwnGroup if private else ray.train.torch.TorchConfig)(backend=backend),
        scaling_config=ray.train.ScalingConfig(**group.scaling(resize_every_s)),
        run_config=ray.train.RunConfig(
            # A new name each time: with an old one Ray Train would resume by its own checkpoints.
            name=f"finetune-{uuid.uuid4().hex[:12]}",
            storage_path=str(storage_dir.absolute()),
            failure_config=ray.train.FailureConfig(max_failures=max_failures, controller_failure_limit=1),
            logging_config=ray.train.LoggingConfig(log_level="WARNING"),
        ),
    )


def _own_session() -> bool:
    """Whether this process started the session, which then ends with it."""
    node = worker._global_node
    return node is not None and node.is_head()


def _backend(use_gpu: bool) -> str:
    return "nccl" if use_gpu else "gloo"


def _on_loopback() -> bool:
    """Whether all of Ray's nodes are on loopback, as that of a private session is."""
    return all(node["NodeManagerAddress"] == LOOPBACK for node in ray.nodes() if node["Alive"])


def _work(config: dict[str, Any]) -> None:
    """What Ray Train runs in each worker.

    Ray Train tries again whatever failed. So an error that no attempt heals is written down, and the next attempt ends
    at once; where all workers have the error, or there is one, this one already ends without it.
    """
    torch.set_num_threads(config["threads"])
    job = FinetuneJob.model_validate_json(config["job"])
    check_seen(job.out_dir, config["driver"])
    if (job.out_dir / FAILED).exists():
        return
    device = _claimed(job)
    if config["loopback"] is not None:
        context = ray.train.get_context()
        rank, world = context.get_world_rank(), context.get_world_size()
        join_on_loopback(config["loopback"], rank, world, ray.train.collective.broadcast_from_rank_zero)
    place = Place.here(device)
    if place.is_main:
        (job.out_dir / _WORLD).write_text(str(place.world), encoding="utf-8")
        (job.out_dir / STARTED).write_text(str(os.getpid()), encoding="utf-8")
    try:
        outcome = run_job(job, place, on_progress=_writer(job) if place.is_main else unheard)
    except Exception as error:
        if is_lost_worker(error):
            raise
        write_failure(job.out_dir, error)
        if place.world == 1 or (isinstance(error, TrainerError) and error.on_all_workers):
            return
        raise
    # Once at the end: a report waits for the next check of Ray's controller, and would delay each epoch by it.
    ray.train.report(asdict(outcome.history[-1]))


def _claimed(job: FinetuneJob) -> torch.device:
    """What this worker computes on; that torch cannot use a GPU heals in no attempt."""
    try:
        return claim_device([str(gpu) for gpu in ray.get_gpu_ids()])
    except TrainerError as error:
        write_failure(job.out_dir, error)
        raise


def _writer(job: FinetuneJob) -> OnProgress:
    return Paced(lambda progress: write_progress(job.out_dir / PROGRESS, progress), _WRITE_EVERY_S)


def _run(trainer: ClusterTrainer, job: FinetuneJob, heard: Heard, start_timeout_s: float, check: Check) -> None:
    """Wait for the trainer, and report what it does meanwhile.

    `fit` runs in its own thread: in the main thread it would replace the handler of Ctrl-C for good.
    """
    failures: list[BaseException] = []

    def fit() -> None:
        try:
            trainer.fit()
        # A thread's boundary: raised again by the caller. Where the caller ends Ray meanwhile, what Ray raises here is
        # kept with all that its frames hold: a handle given up then would make Ray end this process, without a word.
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    thread = threading.Thread(target=fit, name="ray-train-fit", daemon=True)
    began = time.monotonic()
    next_word = began + _WAITING_S
    heard.tell(Progress("starting the workers"))
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_POLL_S)
            check()
            heard.new()
            now = time.monotonic()
            if (job.out_dir / STARTED).exists():
                continue
            if now > began + start_timeout_s:
                raise FinetuneError(_describe_not_started(start_timeout_s))
            if now > next_word:
                heard.tell(Progress(f"waiting for the workers to start, for {now - began:.0f} s; {_describe_free()}"))
                next_word = now + _WAITING_S
    except BaseException:
        request_stop(job.out_dir)
        raise
    heard.new()
    found = read_failure(job.out_dir)
    if found is not None:
        raise found
    if failures:
        raise _as_ours(failures[0]) from failures[0]


def _describe_free() -> str:
    free = ray.available_resources()
    return f"the cluster's free resources are {free.get('CPU', 0):g} CPUs and {free.get('GPU', 0):g} GPUs"


def _describe_not_started(timeout_s: float) -> str:
    return (
        f"no fine-tune worker started within {timeout_s:g} s; {_describe_free()}: "
        "end what uses the rest, or ask for fewer workers"
    )


def _as_ours(error: BaseException) -> TrainerError:
    """Ray's error as one of this room: the first worker's own if it is one, else its last line."""
    if isinstance(getattr(error, "controller_failure", None), WorkerGroupStartupTimeoutError):
        return NoRoomError("the room of the fine-tune workers was taken before they started")
    causes = list(getattr(error, "worker_failures", {}).values()) or [error]
    for cause in causes:
        if isinstance(cause, TrainerError):
            return cause
    first = causes[0]
    if isinstance(first, ray.exceptions.OutOfMemoryError) or _MEMORY_PAGE in str(first):
        return FinetuneError(
            "the fine-tune failed: a node ran low on memory, so Ray ended processes there. End what else runs on it, "
            "or take fewer workers; the same command then goes on from the last state"
        )
    return FinetuneError(f"the fine-tune failed: {type(first).__name__}: {str(first).strip().splitlines()[-1]}")
