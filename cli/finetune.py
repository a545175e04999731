"""The verb `finetune`."""

import shutil
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
from cli.pasted import evaluate_line
from cli.paths import make_folder
from cli.placing import ray_address_of
from cli.recording import RecordExperimentOption, Recording, RecordUriOption, RegisterOption
from search.errors import ConfigError
from search.execution.scratch import private_folder
from search.outcome.formats import share_text
from search.setup.config import RunConfig, make_config
from search.setup.scope import Scope, names_where
from trainers.workers import Workers

if TYPE_CHECKING:
    from trainers.history import EpochReport

_RAY = ".ray"
"""In the output folder: what Ray Train writes of its own, on a cluster."""
LINE_S = 30.0
"""Seconds between two lines about how an epoch stands."""


@options_of(RunConfig, *names_where(RunConfig, lambda scope: scope is Scope.RECIPE), "finetune_gpu", "wait_for_nodes")
def command(
    checkpoint: CheckpointOption,
    out: Annotated[Path, typer.Option(help="Folder to train in; the model is in its `model/`.")] = Path("finetuned"),
    dataset: DatasetOption = "digits",
    data_path: DataPathOption = None,
    seed: SeedOption = 42,
    workers: Annotated[
        str | None, typer.Option(metavar="N or N-M", help="As --finetune-workers of a search: DDP workers, or a range.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="If given, must be the checkpoint's model.")] = None,
    trust_factory: TrustFactoryOption = None,
    ray_address: RayAddressOption = None,
    teacher: Annotated[
        Path | None, typer.Option(help="Checkpoint folder of the unpruned model, for --distill.")
    ] = None,
    tracking_uri: RecordUriOption = None,
    experiment: RecordExperimentOption = None,
    register: RegisterOption = None,
    **given: Any,
) -> None:
    """Fine-tune a pruned checkpoint on as many workers as there are."""
    from cli.opening import ModelSource, open_model
    from search.execution.survey import finetune_session
    from trainers.base import check_fit
    from trainers.datasets.registry import dataset as find_dataset
    from trainers.defaults import finetune_recipe
    from trainers.place import here_in_bf16
    from trainers.progress import Paced
    from trainers.recalibrate import has_batch_norm
    from trainers.recipe_words import in_words, price_in_words

    config = make_config({name: value for name, value in given.items() if value is not None})
    address = ray_address_of(ray_address)
    config = config.model_copy(update={"finetune_workers": _workers(workers), "ray_address": address})
    if checkpoint.is_file():
        raise ConfigError(
            f"--checkpoint {checkpoint} is a file: make a checkpoint folder of it first, with `python launch.py export "
            f"--checkpoint {checkpoint} --model {model or 'NAME'} --format espalier --out FOLDER`."
        )
    pruned = open_model(ModelSource(checkpoint, model, trusted=tuple(trust_factory or ())))
    make_folder(out)
    recording = Recording(tracking_uri, experiment, register)
    recording.check()
    data = find_dataset(dataset)
    check_fit(pruned.spec, data.info(data_path, input_size=pruned.spec.image_size), dataset)
    changes = config.finetune_changes()
    images = None if "batch_size" in changes else data.check(data_path)
    chosen = finetune_recipe(
        dataset, model=pruned.spec.name, batch_norm=has_batch_norm(pruned.module), images=images
    ).asked(**changes)
    teacher_macs = _teacher_macs(chosen.distill is not None, teacher)
    with private_folder() as scratch, finetune_session(config) as (count, gpu):
        # After the session has set what Ray reads on import.
        from trainers.finetune import finetune

        recipe = chosen.resolved(gpu=gpu, bf16=config.cluster is not None or here_in_bf16())
        say(f"training on {count.words} workers, {'each with a GPU' if gpu else 'on CPUs'}")
        say(f"recipe   {in_words(recipe)}")
        price = price_in_words(recipe, pruned.macs, teacher_macs)
        if price is not None:
            say(f"price    {price}")
        result = finetune(
            checkpoint,
            dataset,
            data_path,
            recipe,
            seed=seed,
            workers=count,
            use_gpu=gpu,
            out_dir=out,
            # Ray Train wants to write where all nodes see it.
            storage_dir=scratch if address is None else out / _RAY,
            teacher_dir=teacher,
            trusted=(pruned.spec.name,),
            on_epoch=lambda report: _show_epoch(report, recipe.epochs),
            on_progress=Paced(lambda progress: say(f"{progress}"), LINE_S),
        )
    shutil.rmtree(out / _RAY, ignore_errors=True)
    told = {"dataset": dataset, "data_path": data_path, "seed": seed}
    recording.finetuned(result.checkpoint_dir, result.history, recipe, told, result.wall_s)
    say(f"{len(result.history)} epochs on {result.workers} workers in {result.wall_s:.1f} s")
    for path, reason in result.unreadable.items():
        say(f"left out {path}: {reason}")
    say(f"model    {result.checkpoint_dir}")
    say(f"test it: {evaluate_line(result.checkpoint_dir, dataset, data_path)}", pasted=True)


def _teacher_macs(wanted: bool, teacher: Path | None) -> int:
    """The MACs of the unpruned model, where it is learned from.

    Raises:
        ConfigError: it is named and not learned from, or the other way round.
        CheckpointError: its checkpoint cannot be read.
    """
    from pruning.checkpoint import read_architecture

    if wanted != (teacher is not None):
        raise ConfigError(
            "--distill needs the unpruned model: name its checkpoint folder with --teacher."
            if wanted
            else f"--teacher {teacher} is used with --distill soft or --distill hard only: add that, or omit it."
        )
    return 0 if teacher is None else read_architecture(teacher).macs


def _workers(given: str | None) -> Workers | None:
    try:
        return None if given is None else Workers.of(given)
    except ValueError as error:
        raise ConfigError(f"--workers {given!r} cannot be used: {error}.") from error


def _show_epoch(report: "EpochReport", epochs: int) -> None:
    accuracy = share_text(report.holdout_accuracy)
    average = "" if report.ema_accuracy is None else f"  averaged {share_text(report.ema_accuracy)}"
    speed = f"  {report.images_per_s:.4g} images/s" if report.images_per_s is not None else ""
    say(
        f"epoch {report.epoch:>3}/{epochs}  loss {report.train_loss:.4f}  holdout {accuracy}{average}  "
        f"lr {report.lr:.2e}{speed}"
    )
