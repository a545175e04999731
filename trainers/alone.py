"""The fine-tune in this process, without Ray.

Job, state and files are those of the fine-tune on Ray, so either continues what the other began.
"""

import time

import torch

from trainers.history import EpochReport, EpochTail
from trainers.holding import held
from trainers.job import (
    EPOCHS,
    FinetuneJob,
    FinetuneResult,
    OnEpoch,
    check_job,
    prepare_folder,
    result_of,
    run_job,
)
from trainers.place import Place, computes_in_bf16
from trainers.progress import OnProgress, unheard
from trainers.running_out import going_on


def finetune_alone(
    job: FinetuneJob,
    on_epoch: OnEpoch,
    on_progress: OnProgress = unheard,
    device: torch.device | None = None,
) -> FinetuneResult:
    """Train in this process, on one worker.

    Args:
        job: what to train, and where to write.
        on_epoch: called after each epoch; first with the epochs of an earlier, interrupted part.
        on_progress: called with what is being done, from the first second on.
        device: where it is trained; None takes the GPU if there is one.

    Raises:
        StateError: `out_dir` holds another training's state.
        TrainerError: also any error of the dataset.
        PruningError: the checkpoint cannot be read.
    """
    began = time.perf_counter()
    place = Place.here(device)
    job = job.resolved(gpu=place.device.type == "cuda", bf16=computes_in_bf16(place.device))
    check_job(job)
    with held(job.out_dir):
        return _trained(job, place, began, on_epoch, on_progress)


def _trained(
    job: FinetuneJob, place: Place, began: float, on_epoch: OnEpoch, on_progress: OnProgress
) -> FinetuneResult:
    prepare_folder(job)
    tail = EpochTail(job.out_dir / EPOCHS)

    def report_new(*_: EpochReport) -> None:
        for report in tail.new():
            on_epoch(report)

    going_on(job.out_dir, lambda: run_job(job, place, report_new, on_progress))
    report_new()
    return result_of(job, 1, time.perf_counter() - began)
