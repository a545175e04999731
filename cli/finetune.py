"""The verb `finetune`."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.console import say
from cli.data import dataset_name
from cli.option_types import (
    ArchitectureOption,
    DataPathOption,
    InputSizeOption,
    OutputOption,
    RayAddressOption,
    SeedOption,
    SourceOption,
    TestedDatasetOption,
    TrustFactoryOption,
    TrustOption,
)
from cli.options import options_of
from cli.pasted import evaluate_line
from cli.paths import make_folder
from cli.recording import RecordExperimentOption, Recording, RecordUriOption, RegisterOption
from cli.training import START, TRAINING, Teaching, WorkersOption, show_result, train_shown, training_config
from search.errors import ConfigError
from search.setup.config import RunConfig
from search.setup.holdout_training import has_seen_holdout


@options_of(RunConfig, *TRAINING)
def command(
    checkpoint: SourceOption,
    out: Annotated[Path, typer.Option(help="Folder to train in; the model is in its `model/`.")] = Path("finetuned"),
    dataset: TestedDatasetOption = None,
    data_path: DataPathOption = None,
    seed: SeedOption = 42,
    workers: WorkersOption = None,
    model: ArchitectureOption = None,
    input_size: InputSizeOption = None,
    output: OutputOption = None,
    trust_pickle: TrustOption = False,
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
    """Fine-tune a checkpoint folder, or a published file as it is, on as many workers as there are."""
    from cli.exporting import save_opened
    from cli.fetching import fetched
    from cli.images import say_images
    from cli.opening import ModelSource, open_model
    from pruning.checkpoint import read_architecture
    from pruning.models import ModelSpec, full_name
    from pruning.recognising import recognised
    from search.setup.preparing_images import prepared_as_asked
    from trainers.base import check_fit
    from trainers.datasets.registry import dataset as find_dataset
    from trainers.defaults import finetune_recipe
    from trainers.recalibrate import has_batch_norm

    config = training_config(given, workers, ray_address)
    name = dataset_name(dataset, data_path)
    data, start = find_dataset(name), fetched(checkpoint)
    spec, is_file = None, start.is_file()
    if is_file and model is not None:
        size = None if input_size is None else (data.info(data_path).input_size[0], input_size, input_size)
        info = data.info(data_path, input_size=size)
        spec = ModelSpec(full_name(model), info.num_classes, info.input_size, output)
    pruned = open_model(
        ModelSource(
            start,
            model,
            # A file is opened at the size that the spec says.
            input_size=None if is_file else input_size,
            output=output,
            trust_pickle=trust_pickle,
            trusted=tuple(trust_factory or ()),
        ),
        spec,
    )
    expected = pruned.preprocessing
    data = prepared_as_asked(config, name, data, expected)
    info = data.info(data_path, input_size=pruned.spec.image_size)
    check_fit(pruned.spec, info, name)
    make_folder(out)
    recording = Recording(tracking_uri, experiment, register)
    recording.check()
    if is_file:
        pruned = recognised(pruned, str(start))
    elif has_seen_holdout(read_architecture(start).recipe, name):
        say(
            f"warning  {start} was trained on the holdout of {name}, too: holdout scores below are of images that it "
            "has seen, and only the test set says how good it is"
        )
    if is_file or config.preprocessing_changes():
        start = save_opened(dataclasses.replace(pruned, preprocessing=info.preprocessing), start, out / START)
    say_images(say, config, info, expected, published=pruned.spec.name if is_file else None)
    changes = config.finetune_changes()
    images = None if "batch_size" in changes else data.check(data_path)
    recipe = finetune_recipe(
        name, model=pruned.spec.name, batch_norm=has_batch_norm(pruned.module), images=images
    ).asked(**changes)
    taught = Teaching(teacher, _teacher_macs(recipe.distill is not None, teacher), pruned.macs)
    shown = train_shown(
        config, start, name, data_path, recipe, seed=seed, out=out, trusted=(pruned.spec.name,), taught=taught
    )
    told = {"dataset": name, "data_path": data_path, "seed": seed}
    result = shown.result
    recording.finetuned(result.checkpoint_dir, result.history, shown.recipe, told, result.wall_s)
    show_result(result)
    say(f"test it: {evaluate_line(result.checkpoint_dir, pruned.spec.name, name, data_path)}", pasted=True)


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
