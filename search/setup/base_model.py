"""Where the base model comes from: trained here and cached, pretrained by timm, or read from a file of weights."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import torch
from torch import nn

from pruning.errors import CheckpointError, ModelCreationError, NoStateDictError
from pruning.models import ModelSpec, create_model
from pruning.weights import SUFFIXES, load_into
from search.errors import ConfigError
from search.setup.computing import Compute, Stream, compute_here, stream_here
from search.setup.config import RunConfig
from trainers.base import BaseModel, train_base
from trainers.datasets.base import Dataset, Split, Splits
from trainers.devices import CPU
from trainers.evaluate import evaluate
from trainers.history import EpochReport
from trainers.recipe import Recipe

BUILT_IN = frozenset({"digits", "shapes"})
"""Datasets small enough to train a base on as part of a run."""


_log = logging.getLogger(__name__)


class SourceKind(StrEnum):
    """The ways to obtain a base model."""

    TRAIN = "train"
    PRETRAINED = "pretrained"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class BaseSource:
    """One of the ways to obtain a base model.

    Attributes:
        path: of the weights; None for the other ways.
    """

    kind: SourceKind
    path: Path | None = None

    @property
    def published(self) -> bool:
        """Whether the weights are published ones, which expect images to be prepared in their way."""
        return self.kind is SourceKind.PRETRAINED


def check_source(config: RunConfig) -> BaseSource:
    """Work out what `--base` means.

    Raises:
        ConfigError: it names a file that is not there, or of another kind.
    """
    given = config.base or ("train" if config.dataset in BUILT_IN else "pretrained")
    if given in (SourceKind.TRAIN, SourceKind.PRETRAINED):
        return BaseSource(SourceKind(given))
    path = Path(given)
    if not path.is_file():
        raise ConfigError(
            f"--base {given!r} is neither `train`, nor `pretrained`, nor a file that is there: give one of the words, "
            f"or the path of a file that holds the base model's weights ({', '.join(SUFFIXES)})."
        )
    return BaseSource(SourceKind.FILE, path)


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
    if source.kind is SourceKind.PRETRAINED:
        module, path = _pretrained(spec), Path(spec.name)
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


def _load(module: nn.Module, path: Path, spec: ModelSpec) -> tuple[str, ...]:
    try:
        return load_into(module, path, f"{spec.name} with {spec.num_classes:,} classes")
    except NoStateDictError as error:
        raise ConfigError(
            f"--base: {error} where a pruned file is opened, and is never given for a base: save its weights first, "
            "with torch.save(module.state_dict(), FILE)."
        ) from error
    except CheckpointError as error:
        raise ConfigError(f"--base: {error}") from error
