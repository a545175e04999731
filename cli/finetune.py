"""The verb `finetune`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import say
from cli.option_types import (
    CheckpointOption,
    DataPathOption,
    DatasetOption,
    RayAddressOption,
    SeedOption,
    TrustFactoryOption,
)
from cli.options import options_of
from cli.paths import make_folder
from cli.placing import ray_address_of
from search.errors import ConfigError
from search.execution.cluster import ray_session
from search.execution.scratch import private_folder
from search.outcome.formats import share_text
from search.setup.config import RunConfig, make_config
from search.setup.resources import Needs, machine_resources
from search.setup.scope import Scope, names_where

if TYPE_CHECKING:
    from trainers.history import EpochReport

LINE_S = 30.0
"""Seconds between two lines about how an epoch stands."""


@options_of(RunConfig, *names_where(RunConfig, lambda scope: scope is Scope.RECIPE))
def command(
    checkpoint: CheckpointOption,
    out: Annotated[Path, typer.Option(help="Folder for the fine-tuned model.")] = Path("finetuned"),
    dataset: DatasetOption = "digits",
    data_path: DataPathOption = None,
    seed: SeedOption = 42,
    workers: Annotated[int | None, typer.Option(min=1, help="DDP workers.")] = None,
    model: Annotated[str | None, typer.Option(help="If given, must be the checkpoint's model.")] = None,
    trust_factory: TrustFactoryOption = None,
    ray_address: RayAddressOption = None,
    **given: Any,
) -> None:
    """Fine-tune a pruned checkpoint on as many workers as there are."""
    from cli.opening import ModelSource, open_model
    from trainers.base import check_fit
    from trainers.datasets.registry import dataset as find_dataset
    from trainers.defaults import finetune_recipe
    from trainers.progress import Paced
    from trainers.recalibrate import has_batch_norm

    changes = make_config({name: value for name, value in given.items() if value is not None}).finetune_changes()
    if checkpoint.is_file():
        raise ConfigError(
            f"--checkpoint {checkpoint} is a file: make a checkpoint folder of it first, with `python launch.py export "
            f"--checkpoint {checkpoint} --model {model or 'NAME'} --format espalier --out FOLDER`."
        )
    pruned = open_model(ModelSource(checkpoint, model, trusted=tuple(trust_factory or ())))
    make_folder(out)
    data = find_dataset(dataset)
    check_fit(pruned.spec, data.info(data_path, input_size=pruned.spec.input_size), dataset)
    images = None if "batch_size" in changes else data.check(data_path)
    recipe = finetune_recipe(dataset, batch_norm=has_batch_norm(pruned.module), images=images).override(**changes)
    cpus, gpus = machine_resources()
    use_gpu = gpus > 0
    needs = Needs(0, 1.0, 0.0, workers or (gpus if use_gpu else min(2, cpus)), use_gpu)
    address = ray_address_of(ray_address)
    with private_folder() as scratch, ray_session(address, needs):
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
            storage_dir=scratch,
            trusted=(pruned.spec.name,),
            on_epoch=lambda report: _show_epoch(report, recipe.epochs),
            on_progress=Paced(lambda progress: say(f"{progress}"), LINE_S),
        )
    say(f"{len(result.history)} epochs on {result.workers} workers in {result.wall_s:.1f} s")
    for path, reason in result.unreadable.items():
        say(f"left out {path}: {reason}")
    say(f"model    {result.checkpoint_dir}")
    say(f"test it: python launch.py evaluate --checkpoint {result.checkpoint_dir} --dataset {dataset}")


def _show_epoch(report: "EpochReport", epochs: int) -> None:
    accuracy = share_text(report.holdout_accuracy)
    say(f"epoch {report.epoch:>3}/{epochs}  loss {report.train_loss:.4f}  holdout {accuracy}  lr {report.lr:.2e}")
