"""A fine-tune on 2-4 workers loses a node and gains one.

`python -m benchmarks.elastic.nodes FOLDER`; the last line is one JSON object. The cluster is Ray's own for tests: a
head without CPUs and four nodes of one CPU, so each node has one worker. Ray carries this module's functions to the
workers by value, because it is the program that runs.
"""

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from search.execution.cluster import connected, prepare_environment

prepare_environment(local=True)

import psutil  # noqa: E402
import ray.train  # noqa: E402  reads the environment on import
import torch  # noqa: E402
from ray.cluster_utils import Cluster  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from pruning.checkpoint import save_pruned  # noqa: E402
from pruning.models import ModelSpec  # noqa: E402
from pruning.planning import build_plan  # noqa: E402
from tests.cli.small_cluster import WATCHFUL  # noqa: E402
from trainers import finetune  # noqa: E402
from trainers.alone import finetune_alone  # noqa: E402
from trainers.base import initial_model  # noqa: E402
from trainers.history import EpochReport  # noqa: E402
from trainers.job import FinetuneJob  # noqa: E402
from trainers.loop import Training  # noqa: E402
from trainers.recipe import Recipe  # noqa: E402
from trainers.workers import Workers  # noqa: E402

MODEL = "tests.trainers.small:plain_net"
"""Without BatchNorm, whose statistics are those of each worker's own images."""
RECIPE = Recipe(lr=0.05, epochs=8, batch_size=120, warmup_epochs=0.5)
LOST_AFTER, GAINED_AFTER = 2, 4
"""Epochs after which a node is killed, and one is added."""
STATE_EVERY_S, RESIZE_S, SLOW_S = 2.0, 3.0, 1.0
_LOG = "workers.jsonl"


def main(folder: Path) -> None:
    """Fine-tune on the cluster and in this process, and compare."""
    checkpoint = checkpoint_in(folder / "pruned")
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, "_system_config": WATCHFUL}
    )
    try:
        nodes = [cluster.add_node(num_cpus=1) for _ in range(4)]

        def on_epoch(report: EpochReport) -> None:
            if report.epoch == LOST_AFTER:
                kill(nodes[0].all_processes["raylet"][0].process.pid)
                cluster.remove_node(nodes[0], allow_graceful=False)
            if report.epoch == GAINED_AFTER:
                cluster.add_node(num_cpus=1)

        with connected(cluster.address), patch.object(finetune, "_work", work):
            result = finetune.finetune(
                checkpoint, "digits", None, RECIPE, seed=1, workers=Workers(2, 4), out_dir=folder / "elastic",
                storage_dir=folder / "ray", trusted=(MODEL,), on_epoch=on_epoch, resize_every_s=RESIZE_S,
            )  # fmt: skip
    finally:
        cluster.shutdown()
    job = FinetuneJob(
        checkpoint_dir=checkpoint, dataset="digits", recipe=RECIPE, seed=1, out_dir=folder / "fixed", trusted=(MODEL,)
    )
    fixed = finetune_alone(job, lambda _: None, device=torch.device("cpu"))
    ours, theirs = (load_file(done.checkpoint_dir / "model.safetensors") for done in (result, fixed))
    found = {
        "worlds": worlds(folder / "elastic" / _LOG),
        "epochs": [report.epoch for report in result.history],
        "largest_difference": max(float((ours[name] - theirs[name]).abs().max()) for name in theirs),
        "largest_weight": max(float(value.abs().max()) for value in theirs.values()),
        "holdout": [result.history[-1].holdout_accuracy, fixed.history[-1].holdout_accuracy],
        "wall_s": round(result.wall_s, 1),
    }
    print(json.dumps(found))


def checkpoint_in(folder: Path) -> Path:
    """A whole network, which is enough to be fine-tuned."""
    spec = ModelSpec(MODEL, 10, (1, 32, 32))
    model = initial_model(spec, 0)
    plan = build_plan(model, spec, verify=False)
    return save_pruned(model, plan, tuple(tuple(range(group.units)) for group in plan.groups), folder)


def work(config: dict[str, Any]) -> None:
    """A worker's part, which notes how many train, and takes its time until the node that was added is used."""
    job = FinetuneJob.model_validate_json(config["job"])
    job = job.model_copy(update={"state_every_s": STATE_EVERY_S})
    context = ray.train.get_context()
    rank, world = context.get_world_rank(), context.get_world_size()
    if rank == 0:
        with (job.out_dir / _LOG).open("a") as log:
            log.write(json.dumps({"pid": os.getpid(), "world": world, "at": time.time()}) + "\n")
    step = Training._step

    def slowed(training: Training, *arguments: Any) -> Any:
        if training.epochs_done >= GAINED_AFTER and training.world < 4:
            time.sleep(SLOW_S)
        return step(training, *arguments)

    with patch.object(Training, "_step", slowed):
        _work({**config, "job": job.model_dump_json()})


_work = finetune._work


def worlds(log: Path) -> list[int]:
    """How many workers trained, each time that they began."""
    return [json.loads(line)["world"] for line in log.read_text().splitlines()]


def kill(raylet: int) -> None:
    """End all processes of a node, as a machine that fails does."""
    node = psutil.Process(raylet)
    for process in (*node.children(recursive=True), node):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
