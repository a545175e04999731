"""Where the base model comes from: trained here and cached, published, read from a file, or with a new head."""

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from pruning.checkpoint import load_pruned, read_architecture
from pruning.errors import CheckpointError, ModelCreationError, NoStateDictError
from pruning.heads import classes_of, head_names, published_classes
from pruning.models import ModelSpec, create_model
from pruning.weights import fitted, load_into, read_file
from search.errors import ConfigError
from search.setup.base_source import WAYS_TO_A_HEAD, BaseSource, SourceKind
from search.setup.computing import Compute, Stream, compute_here, stream_here
from search.setup.holdout_training import has_seen_holdout
from trainers.base import BaseModel, train_base
from trainers.datasets.base import Dataset, Split, Splits
from trainers.devices import CPU
from trainers.evaluate import evaluate
from trainers.head import Trunk, train_head
from trainers.history import EpochReport
from trainers.recipe import Recipe

_log = logging.getLogger(__name__)


def obtain_base(
    source: BaseSource,
    spec: ModelSpec,
    dataset: Dataset,
    splits: Splits,
    recipe: Recipe,
    *,
    seed: int,
    data_path: Path | None,
    progress: Callable[[EpochReport], None],
    accuracy: float | None = None,
    compute: Compute = compute_here,
    stream: Stream = stream_here,
) -> BaseModel:
    """Train or load the base model.

    Args:
        source: where it comes from.
        spec: what is built.
        dataset: what it is trained on, where it is trained here.
        splits: of that dataset; the base is scored on its holdout.
        recipe: of the training.
        seed: of the training.
        data_path: folder of a dataset that is read from disk.
        progress: hears of each epoch that is trained.
        accuracy: on the holdout, where it is known; otherwise weights that were read are scored.
        compute: scores them.
        stream: trains it, where it is trained here.

    Returns:
        The model in eval mode, with its holdout accuracy.

    Raises:
        ConfigError: weights that cannot be fetched or read, or do not fit the model.
    """
    if source.kind is SourceKind.TRAIN:
        return train_base(
            spec, dataset, recipe, seed=seed, data_path=data_path, splits=splits, stream=stream, progress=progress
        )
    if source.kind is SourceKind.HEAD:
        return _with_new_head(source, spec, dataset, splits, recipe, seed=seed, stream=stream, progress=progress)
    if source.kind is SourceKind.PRETRAINED:
        module, path = _pretrained(spec), Path(spec.name)
    elif source.kind is SourceKind.CHECKPOINT:
        assert source.path is not None
        module, path = _unpruned(source.path, spec, dataset.name, seed), source.path
    else:
        assert source.path is not None
        module, path = create_model(spec), source.path
        _load(module, source.path, spec)
    if accuracy is None:
        accuracy = compute(accuracy_of, module.eval(), splits.holdout, spec.output)
    return BaseModel(module.eval(), accuracy, path, cached=True)


def check_base(source: BaseSource, module: nn.Module, spec: ModelSpec) -> None:
    """Read the weights of a base from its file, if that is where they are, before anything is begun.

    Raises:
        ConfigError: they cannot be read, or are another model's; the message names the keys.
    """
    if source.kind is SourceKind.FILE:
        assert source.path is not None
        for note in _load(module, source.path, spec):
            _log.warning("--base: %s", note)
    elif source.kind is SourceKind.HEAD and source.path is not None:
        _weights_in(source.path, spec)


def accuracy_of(module: nn.Module, split: Split, output: str | None, device: torch.device) -> float:
    """The accuracy of a model on a split, computed on a device; the model then is on the CPU."""
    try:
        return evaluate(module.to(device), split.to(device), output=output).accuracy
    finally:
        module.to(CPU)


def _pretrained(spec: ModelSpec) -> nn.Module:
    try:
        return create_model(spec, pretrained=True)
    except ModelCreationError as error:
        raise ConfigError(
            f"{error} Instead of --base pretrained, give a file of weights with --base FILE, or train a base on this "
            "dataset with --base train."
        ) from error


def _with_new_head(
    source: BaseSource,
    spec: ModelSpec,
    dataset: Dataset,
    splits: Splits,
    recipe: Recipe,
    *,
    seed: int,
    stream: Stream,
    progress: Callable[[EpochReport], None],
) -> BaseModel:
    """A new head on the trunk in a file, or on the published one."""
    if source.path is not None:
        trunk = Trunk(_weights_in(source.path, spec), str(source.path))
    else:
        classes = published_classes(spec.name)
        assert classes is not None, "checked when the run was prepared"
        published = _pretrained(dataclasses.replace(spec, num_classes=classes))
        trunk = Trunk(published.state_dict(), f"the published {spec.name} ({classes:,} classes)")
    recipe = recipe.override(epochs=source.head_epochs)
    return train_head(spec, trunk, dataset, recipe, seed=seed, splits=splits, stream=stream, progress=progress)


def _unpruned(folder: Path, spec: ModelSpec, dataset: str, seed: int) -> nn.Module:
    """The model of a checkpoint folder, which must be the whole architecture."""
    found = load_pruned(folder, trusted=(spec.name,))
    same = (found.spec.name, found.spec.num_classes, found.spec.image_size)
    wanted = (spec.name, spec.num_classes, spec.image_size)
    if same != wanted:
        raise ConfigError(
            f"--base {str(folder)!r} holds a {_describe(*same)}, and this search is of a {_describe(*wanted)}."
        )
    document = read_architecture(folder)
    if document.params != document.baseline_params:
        raise ConfigError(
            f"--base {str(folder)!r} holds a pruned {spec.name} ({document.params:,} of {document.baseline_params:,} "
            "parameters): a base is unpruned."
        )
    trained = document.recipe
    if trained.get("dataset") == dataset and trained.get("seed") not in (None, seed):
        _log.warning(
            "the base in %s was trained with seed %s and this search has seed %d: it has trained on images of this "
            "search's holdout, so scores on that are too high. --seed %s has the same holdout",
            *(folder, trained["seed"], seed, trained["seed"]),
        )
    elif has_seen_holdout(trained, dataset):
        _log.warning("the base in %s was trained on this search's holdout, too, so scores on that are too high", folder)
    return found.module


def _describe(name: str, classes: int, size: tuple[int, int, int]) -> str:
    return f"{name} with {classes:,} classes at {'×'.join(map(str, size))}"


def _load(module: nn.Module, path: Path, spec: ModelSpec) -> tuple[str, ...]:
    try:
        return load_into(module, path, f"{spec.name} with {spec.num_classes:,} classes")
    except NoStateDictError as error:
        raise ConfigError(
            f"--base: {error} where a pruned file is opened, and is never given for a base: save its weights first, "
            "with torch.save(module.state_dict(), FILE)."
        ) from error
    except CheckpointError as error:
        raise _other_head(path, spec) or ConfigError(f"--base: {error}") from error


def _other_head(path: Path, spec: ModelSpec) -> ConfigError | None:
    """The error where the weights have a head for other classes; None where something else is wrong with them."""
    try:
        classes = classes_of(_weights_in(path, spec), head_names(spec))
    except (ConfigError, ModelCreationError):
        return None
    if classes in (None, spec.num_classes):
        return None
    ways = WAYS_TO_A_HEAD.replace("EPOCHS", f"EPOCHS:{path}").replace("head:5", f"head:5:{path}")
    return ConfigError(
        f"--base {str(path)!r} has a head for {classes:,} classes, and the dataset has {spec.num_classes:,}. {ways}"
    )


def _weights_in(path: Path, spec: ModelSpec) -> dict[str, Tensor]:
    """The weights in a file, by their names in the model."""
    try:
        found = read_file(path).weights
    except CheckpointError as error:
        raise ConfigError(f"--base: {error}") from error
    assert found is not None, "a module is not read without trust"
    return fitted(found, create_model(spec))
