"""The verb `finetune`."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.console import say
from cli.opening import Asked, open_model
from search.errors import ConfigError
from search.execution.cluster import ray_session
from search.outcome.formats import share_text
from search.setup.config import make_config
from search.setup.resources import Needs, machine_resources
from trainers.base import check_fit
from trainers.datasets.registry import dataset as find_dataset
from trainers.defaults import finetune_recipe
from trainers.history import EpochReport
from trainers.recalibrate import has_batch_norm


def run_finetune(
    checkpoint: Path,
    out: Path,
    dataset: str,
    data_path: Path | None,
    seed: int,
    workers: int | None,
    model: str | None,
    ray_address: str | None,
    given: Mapping[str, Any],
) -> int:
    """Fine-tune a checkpoint into `out`; returns the exit code."""
    changes = make_config({name: value for name, value in given.items() if value is not None}).finetune_changes()
    if checkpoint.is_file():
        raise ConfigError(
            f"--checkpoint {checkpoint} is a file: make a checkpoint folder of it first, with `python launch.py export "
            f"--checkpoint {checkpoint} --model {model or 'NAME'} --format espalier --out FOLDER`."
        )
    pruned = open_model(Asked(checkpoint, model))
    recipe = finetune_recipe(dataset, batch_norm=has_batch_norm(pruned.module)).override(**changes)
    check_fit(pruned.spec, find_dataset(dataset).info(data_path, input_size=pruned.spec.input_size), dataset)
    cpus, gpus = machine_resources()
    use_gpu = gpus > 0
    needs = Needs(0, 1.0, 0.0, workers or (gpus if use_gpu else min(2, cpus)), use_gpu)
    with tempfile.TemporaryDirectory(prefix="espalier-train-") as scratch, ray_session(ray_address, needs):
        # After `ray_session` has set what Ray reads on import.
        from trainers.finetune import finetune

        result = finetune(
            checkpoint,
            dataset,
            data_path,
            recipe,
            seed=seed,
            workers=needs.finetune_workers,
            use_gpu=use_gpu,
            out_dir=out,
            storage_dir=Path(scratch),
            on_epoch=lambda report: _tell(report, recipe.epochs),
        )
    say(f"{len(result.history)} epochs on {result.workers} workers in {result.wall_s:.1f} s")
    say(f"model    {result.checkpoint_dir}")
    say(f"test it: python launch.py evaluate --checkpoint {result.checkpoint_dir} --dataset {dataset}")
    return 0


def _tell(report: EpochReport, epochs: int) -> None:
    accuracy = share_text(report.holdout_accuracy)
    say(f"epoch {report.epoch:>3}/{epochs}  loss {report.train_loss:.4f}  holdout {accuracy}  lr {report.lr:.2e}")
