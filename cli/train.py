"""The verb `train`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.console import say
from cli.data import dataset_name
from cli.option_types import (
    DataPathOption,
    InputSizeOption,
    OutputOption,
    RayAddressOption,
    TestedDatasetOption,
)
from cli.options import options_of
from cli.pasted import evaluate_line, search_line
from cli.paths import make_folder
from cli.training import START, TRAINING, WorkersOption, show_result, train_shown, training_config
from search.errors import ConfigError
from search.setup.config import RunConfig


@options_of(RunConfig, *TRAINING)
def command(
    model: Annotated[str, typer.Option(help="timm or torchvision name, or module:factory.")],
    out: Annotated[Path, typer.Option(help="Folder for the base; the same command goes on there.")] = Path("base"),
    dataset: TestedDatasetOption = None,
    data_path: DataPathOption = None,
    seed: Annotated[
        int,
        typer.Option(help="The search's: it decides the first weights, the order, and the holdout that is left out."),
    ] = 42,
    workers: WorkersOption = None,
    input_size: InputSizeOption = None,
    output: OutputOption = None,
    ray_address: RayAddressOption = None,
    **given: Any,
) -> None:
    """Train a base from scratch on as many workers as there are; `search --base`, `finetune` and `evaluate` open it."""
    from cli.images import say_images
    from pruning.checkpoint import save_pruned
    from pruning.models import ModelSpec, full_name
    from pruning.outputs import check_logits
    from pruning.planning import build_plan
    from search.setup.preparing_images import prepared_as_asked
    from trainers.base import initial_model
    from trainers.datasets.registry import dataset as find_dataset
    from trainers.defaults import base_recipe
    from trainers.recalibrate import has_batch_norm

    config = training_config(given, workers, ray_address)
    if config.finetune_changes().get("distill") is not None:
        raise ConfigError(
            "--distill learns from the unpruned model, and a model that is trained from scratch has none."
        )
    name = dataset_name(dataset, data_path)
    data = prepared_as_asked(config, name, find_dataset(name), None)
    size = None if input_size is None else (data.info(data_path).input_size[0], input_size, input_size)
    info = data.info(data_path, input_size=size)
    spec = ModelSpec(full_name(model), info.num_classes, info.input_size, output)
    say_images(say, config, info, None)
    module = initial_model(spec, seed)
    check_logits(module, spec)
    # What cannot be planned cannot be searched either: better said before it is trained.
    plan = build_plan(module, spec, verify=False)
    make_folder(out)
    whole = tuple(tuple(range(group.units)) for group in plan.groups)
    start = save_pruned(
        module, plan, whole, out / START, recipe={"untrained": True, "seed": seed}, preprocessing=info.preprocessing
    )
    changes = config.finetune_changes()
    images = data.check(data_path)
    recipe = base_recipe(
        name, model=model, batch_norm=has_batch_norm(module), images=None if "batch_size" in changes else images
    ).asked(**changes)
    result = train_shown(config, start, name, data_path, recipe, seed=seed, out=out, trusted=(model,)).result
    show_result(result)
    trained = result.checkpoint_dir
    say(f"test it: {evaluate_line(trained, model, name, data_path)}", pasted=True)
    say(f"prune it: {search_line(trained, model, name, data_path, seed, input_size)}", pasted=True)
