"""The base model: trained once per model, dataset, recipe and seed, then read from the cache."""

import dataclasses
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ground.cache import cache_folder, content_key, locked, published
from ground.files import file_hash
from pruning.models import ModelSpec, create_model
from trainers.datasets.base import DataInfo, Dataset, Splits
from trainers.errors import DataPathError
from trainers.evaluate import evaluate
from trainers.history import EpochReport
from trainers.loop import Training
from trainers.place import Place, default_device
from trainers.recipe import Recipe
from trainers.schedule import mixed

_log = logging.getLogger(__name__)

# Increased whenever the loop would train other weights from the same recipe.
_FORMAT = 1
_WEIGHTS, _RECORD = "model.safetensors", "base.json"


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A trained base model.

    Attributes:
        module: on the CPU, in eval mode.
        accuracy_holdout: top-1 on the holdout, 0…1; the test images were not read.
        path: the cache entry, a folder with model.safetensors and base.json.
        cached: whether it was read from the cache, not trained now.
    """

    module: nn.Module
    accuracy_holdout: float
    path: Path
    cached: bool


def train_base(
    spec: ModelSpec,
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    cache_dir: Path | None = None,
    data_path: Path | None = None,
    splits: Splits | None = None,
    device: torch.device | None = None,
    progress: Callable[[EpochReport], None] | None = None,
) -> BaseModel:
    """Train the model of `spec`, or read it from the cache if the same training was done before.

    A cache entry that does not match its own hash is trained again, with a warning.

    Args:
        spec: the model.
        dataset: what to train it on.
        recipe: how to train it.
        seed: decides the holdout, the initial weights, the order and the augmentation.
        cache_dir: the cache; None takes the user's cache folder.
        data_path: folder of a dataset that is read from disk.
        splits: the dataset's parts with this seed, so that it is not read again.
        device: None takes the GPU if there is one.
        progress: called after each epoch that is trained.

    Raises:
        DataPathError: dataset and model do not fit.
        DivergedError: the training loss is not a finite number.
    """
    splits = splits or dataset.splits(data_path, seed=seed, input_size=spec.input_size)
    check_fit(spec, splits.info, dataset.name)
    key = {
        "format": _FORMAT,
        "spec": spec.to_json(),
        "dataset": dataset.name,
        "train": splits.train.fingerprint(),
        "recipe": recipe.model_dump(mode="json"),
        "seed": seed,
    }
    entry = cache_folder(cache_dir) / "base" / f"{spec.name.replace('/', '_')}-{content_key(key)}"
    with locked(entry):
        found = _read(entry, spec)
        if found is not None:
            return found
        place = Place(device or default_device())
        with published(entry) as draft:
            _train_into(draft, spec, splits, recipe, seed, place, key, progress)
        found = _read(entry, spec)
        assert found is not None, "an entry that was just written is whole"
        return dataclasses.replace(found, cached=False)


def check_fit(spec: ModelSpec, info: DataInfo, dataset_name: str) -> None:
    """Check that the model has as many classes as the dataset.

    Raises:
        DataPathError: it has not.
    """
    if spec.num_classes != info.num_classes:
        raise DataPathError(
            f"the model {spec.name!r} has {spec.num_classes} classes, the dataset {dataset_name!r} has "
            f"{info.num_classes}: create the model with num_classes={info.num_classes}"
        )


def initial_model(spec: ModelSpec, seed: int) -> nn.Module:
    """Create the untrained model with weights drawn from `seed`; the caller's random generator keeps its state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(mixed(seed))
        return create_model(spec)


def _train_into(
    draft: Path,
    spec: ModelSpec,
    splits: Splits,
    recipe: Recipe,
    seed: int,
    place: Place,
    key: dict[str, Any],
    progress: Callable[[EpochReport], None] | None,
) -> None:
    module = initial_model(spec, seed)
    training = Training(module, splits.train, recipe, seed=seed, place=place, output=spec.output)
    holdout = splits.holdout.to(place.device)
    report = None
    for trained in training.epochs():
        report = EpochReport.of(trained, evaluate(module, holdout, place=place, output=spec.output))
        if progress is not None:
            progress(report)
    assert report is not None, "a recipe has at least one epoch"
    weights = draft / _WEIGHTS
    save_file({name: value.cpu().contiguous() for name, value in module.state_dict().items()}, weights)
    record = {
        "key": key,
        "accuracy_holdout": report.holdout_accuracy,
        "sha256": file_hash(weights),
        "torch": torch.__version__,
    }
    (draft / _RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _read(entry: Path, spec: ModelSpec) -> BaseModel | None:
    """The cached model; None if there is no entry or, with a warning, if it is damaged."""
    if not entry.exists():
        return None
    try:
        record = json.loads((entry / _RECORD).read_text(encoding="utf-8"))
        if file_hash(entry / _WEIGHTS) != record["sha256"]:
            raise ValueError(f"{_WEIGHTS} is not the file that {_RECORD} was written for")
        module = create_model(spec)
        module.load_state_dict(load_file(entry / _WEIGHTS))
        accuracy = float(record["accuracy_holdout"])
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        _log.warning("the cached base model %s is damaged (%s): training it again", entry, error)
        return None
    return BaseModel(module.eval(), accuracy, entry, cached=True)
