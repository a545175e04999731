"""The fine-tune without Ray: `torchrun --nproc-per-node N -m trainers.torchrun --checkpoint … --out …`.

Started by plain `python -m trainers.torchrun` it trains in one process. The loop, the state and the files written are
those of the Ray Train fine-tune, so either continues what the other began.
"""

import argparse
import json
import logging
import os
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from pathlib import Path

import torch
import torch.distributed as dist

from pruning.checkpoint import load_pruned
from trainers.datasets.registry import dataset
from trainers.defaults import finetune_recipe
from trainers.history import EpochReport
from trainers.holding import held
from trainers.job import STOP, FinetuneJob, run_job
from trainers.place import Place, check_threads, computes_in_bf16
from trainers.progress import Paced, Progress, unheard
from trainers.recalibrate import has_batch_norm
from trainers.recipe import Recipe
from trainers.running_out import going_on

_log = logging.getLogger(__name__)

_LOG_EVERY_S = 30.0
"""Between two lines of one epoch."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and train this process's part."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(check_threads(given.threads))
    trusted = tuple(given.trust_factory)
    device = _join_group()
    job = FinetuneJob(
        checkpoint_dir=given.checkpoint,
        dataset=given.dataset,
        data_path=given.data_path,
        recipe=_recipe(given, trusted),
        seed=given.seed,
        out_dir=given.out,
        teacher_dir=given.teacher,
        trusted=trusted,
    ).resolved(gpu=device.type == "cuda", bf16=computes_in_bf16(device))
    place = Place.here(device)
    try:
        with held(job.out_dir) if place.is_main else nullcontext():
            _train(job, place)
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _train(job: FinetuneJob, place: Place) -> None:
    if place.is_main:
        # Of a fine-tune that was interrupted: this one would end after each epoch.
        (job.out_dir / STOP).unlink(missing_ok=True)
    on_progress = Paced(_log_progress, _LOG_EVERY_S) if place.is_main else unheard

    def train() -> None:
        run_job(job, place, _log_epoch if place.is_main else None, on_progress)

    # Of several workers the others would wait: torchrun ends them, and begins anew with --max-restarts.
    going_on(job.out_dir, train) if place.world == 1 else train()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trainers.torchrun", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder of a pruned model")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--data-path", type=Path)
    parser.add_argument("--recipe", type=Path, help="JSON file; the dataset's default recipe without it")
    parser.add_argument("--teacher", type=Path, help="folder of the unpruned model, for a recipe with distillation")
    parser.add_argument("--seed", type=int, default=0, help="the search's seed: it decides the holdout")
    parser.add_argument("--out", type=Path, required=True, help="folder for model, epochs and state")
    parser.add_argument("--threads", type=int, default=1, help="torch threads of each process")
    parser.add_argument(
        "--trust-factory",
        action="append",
        default=[],
        metavar="MODULE:NAME",
        help="a factory that the checkpoint may name as its model; can be repeated",
    )
    return parser


def _recipe(given: argparse.Namespace, trusted: Collection[str]) -> Recipe:
    if given.recipe is not None:
        return Recipe.parse(json.loads(given.recipe.read_text(encoding="utf-8")))
    pruned = load_pruned(given.checkpoint, trusted=trusted)
    images, batch_norm = dataset(given.dataset).check(given.data_path), has_batch_norm(pruned.module)
    return finetune_recipe(given.dataset, model=pruned.spec.name, batch_norm=batch_norm, images=images)


def _join_group() -> torch.device:
    """Join torchrun's process group if torchrun started this process; returns this process's device."""
    gpu = torch.cuda.is_available()
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local_rank) if gpu else torch.device("cpu")
    if gpu:
        torch.cuda.set_device(device)
    if "RANK" in os.environ:
        dist.init_process_group("nccl" if gpu else "gloo")
    return device


def _log_epoch(report: EpochReport) -> None:
    _log.info(
        "epoch %d: training loss %.4f, %s, %.1f s",
        report.epoch,
        report.train_loss,
        _score(report),
        report.wall_s,
    )


def _score(report: EpochReport) -> str:
    if report.holdout_accuracy is None:
        return f"accuracy {report.trained_holdout_accuracy:.4f} on the holdout's images, which are trained on"
    return f"holdout accuracy {report.holdout_accuracy:.4f}"


def _log_progress(progress: Progress) -> None:
    _log.info("%s", progress)


if __name__ == "__main__":
    main()
