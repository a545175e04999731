"""The fine-tune in this process, without Ray, with the same job, state and files: either goes on with the other's."""

import time
from collections.abc import Callable

from trainers.history import EpochReport, EpochTail
from trainers.job import EPOCHS, FinetuneJob, FinetuneResult, check_job, prepare_folder, result_of, run_job
from trainers.place import Place


def finetune_alone(job: FinetuneJob, on_epoch: Callable[[EpochReport], None]) -> FinetuneResult:
    """Trains here, on one worker; `on_epoch` hears of the epochs of an earlier, interrupted part first.

    Raises StateError when `out_dir` holds another training's state, and any error of dataset or checkpoint.
    """
    began = time.perf_counter()
    check_job(job)
    prepare_folder(job)
    tail = EpochTail(job.out_dir / EPOCHS)

    def tell(*_: EpochReport) -> None:
        for report in tail.new():
            on_epoch(report)

    run_job(job, Place.here(), tell)
    tell()
    return result_of(job, 1, time.perf_counter() - began)
