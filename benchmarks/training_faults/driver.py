"""One driver: a private Ray session of two CPUs and a fine-tune in it, with the faults of its plan.

`python -m benchmarks.training_faults.driver FOLDER`. Workers note each step that they take; Ray carries this module's
functions to them by value, because it is the program that runs.
"""

import contextlib
import json
import logging
import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.training_faults.plan import BEGUN, DRIVER, FILLER, PLAN, RESULT, STEPS, Kind, Plan
from search.execution.cluster import prepare_environment, ray_session
from search.setup.resources import Needs
from trainers.errors import TrainerError
from trainers.workers import Workers

BEREFT_S = 120.0
"""Seconds in which the workers of a dead driver must have ended."""


def main(folder: Path) -> int:
    """Run the fine-tune, and write down what came of it."""
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(message)s")
    plan = Plan.model_validate_json((folder / PLAN).read_text())
    (folder / DRIVER).write_text(str(os.getpid()))
    prepare_environment(local=True)
    with ray_session(None, Needs(0, 1.0, 0.0, Workers.of(plan.workers), finetune_gpu=False)):
        from trainers import finetune

        with patch.object(finetune, "_work", work_with(folder)):
            try:
                result = finetune.finetune(
                    plan.checkpoint, "imagefolder", plan.data, plan.recipe, seed=plan.seed, workers=plan.workers,
                    out_dir=plan.out, storage_dir=folder / "ray", max_failures=plan.max_failures,
                )  # fmt: skip
            except TrainerError as error:
                told: dict[str, Any] = {"error": type(error).__name__, "text": " ".join(str(error).split())}
            else:
                told = {"completed": result.completed, "wall_s": result.wall_s, "unreadable": dict(result.unreadable)}
    (folder / RESULT).write_text(json.dumps(told))
    return 0


def work_with(folder: Path) -> Any:
    """A worker's part in which the faults of the folder's plan happen."""

    def work(config: dict[str, Any]) -> None:
        import ray.train
        import torch

        from trainers.failure import FAILED
        from trainers.job import FinetuneJob
        from trainers.loop import Training
        from trainers.memory import halved

        plan = Plan.model_validate_json((folder / PLAN).read_text())
        job = FinetuneJob.model_validate_json(config["job"])
        job = job.model_copy(update={"state_every_s": plan.state_every_s})
        step = Training._step
        if not (job.out_dir / FAILED).exists():  # where it does, this attempt ends at once
            note(folder / BEGUN, rank=ray.train.get_context().get_world_rank())

        def stepped(training: Any, images: Any, labels: Any, lr: float) -> Any:
            number = training.epochs_done * training.steps_per_epoch + training.within.steps + 1
            rank = training._place.rank
            note(folder / STEPS, rank=rank, step=number)
            due = [fault.kind for fault in plan.faults if fault.is_due(folder, number, rank)]
            if Kind.DRIVER_DIES in due:
                os.kill(int((folder / DRIVER).read_text()), signal.SIGKILL)
                time.sleep(BEREFT_S)  # Ray ends it meanwhile; going on, it might train to the end before that
            if Kind.DISK_FILLS in due:
                fill(plan.out / FILLER)
            if Kind.WORKER_DIES in due:
                os.kill(os.getpid(), signal.SIGKILL)
            if Kind.MEMORY_RUNS_OUT in due:
                raise torch.OutOfMemoryError("CUDA out of memory, says the benchmark")
            if Kind.PASSES_SHRINK in due:
                training.limit_passes(halved(len(images)))
            return step(training, images * math.nan if Kind.NOT_A_NUMBER in due else images, labels, lr)

        with patch.object(Training, "_step", stepped):
            original({**config, "job": job.model_dump_json()})

    from trainers.finetune import _work as original

    return work


def note(path: Path, **what: Any) -> None:
    """Append a line; several processes do."""
    line = json.dumps({"pid": os.getpid(), "at": time.time(), **what}) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def fill(path: Path) -> None:
    """Take all the room that is left on the disk of a file."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as stream:
        while stream.write(bytes(4096)):
            pass


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
