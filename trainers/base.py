"""The base model: trained once per model, dataset, recipe and seed, then read from the cache."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ground.cache import cache_folder, content_key, locked_if_usable, warn_damaged, warn_unusable
from ground.files import file_hash, folder_replaced
from pruning.models import ModelSpec, create_model
from pruning.preprocessing import DEFAULT
from trainers.datasets.base import DataInfo, Dataset, Splits
from trainers.devices import streamed
from trainers.errors import DataPathError
from trainers.evaluate import evaluate
from trainers.history import EpochReport
from trainers.loop import Training
from trainers.optimizer import exempt_names
from trainers.place import Place, computes_in_bf16, default_device
from trainers.recipe import Recipe
from trainers.running_out import begun_again
from trainers.schedule import mixed
from trainers.tensors import write_tensors

# Increased whenever the loop would train other weights from the same recipe.
_FORMAT = 1
_WEIGHTS, _RECORD = "model.safetensors", "base.json"
_CONTENTS = "contents"

_T = TypeVar("_T")

Trained = EpochReport | dict[str, Tensor]
"""What a training yields: each epoch, and at the end the weights, on the CPU."""


class Trains(Protocol):
    """Calls a training on some device, perhaps in another process."""

    def __call__(self, work: Callable[..., Iterator[_T]], *arguments: Any) -> Iterator[_T]:
        """Yield what `work(*arguments, device)` yields."""


def trained_here(work: Callable[..., Iterator[_T]], *arguments: Any) -> Iterator[_T]:
    """In this process, on the GPU if there is one."""
    return streamed(default_device(), work, *arguments)


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A trained base model.

    Attributes:
        module: on the CPU, in eval mode.
        accuracy_holdout: top-1 on the holdout, 0…1; the test images were not read.
        path: the cache entry, a folder with model.safetensors and base.json; not there if the cache cannot be used.
        cached: whether it was read from the cache, not trained now.
        made: how it came about, where that is more than a training from scratch or weights that were read.
    """

    module: nn.Module
    accuracy_holdout: float
    path: Path
    cached: bool
    made: str | None = None


def train_base(
    spec: ModelSpec,
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    cache_dir: Path | None = None,
    data_path: Path | None = None,
    splits: Splits | None = None,
    stream: Trains = trained_here,
    progress: Callable[[EpochReport], None] | None = None,
) -> BaseModel:
    """Train the model of `spec`, or read it from the cache if the same training was done before.

    A cache entry that does not match its own hash is trained again, with a warning; a cache that cannot be used is done
    without.

    Args:
        spec: the model.
        dataset: what to train it on.
        recipe: how to train it.
        seed: decides the holdout, the initial weights, the order and the augmentation.
        cache_dir: the cache; None takes the user's cache folder.
        data_path: folder of a dataset that is read from disk.
        splits: the dataset's parts with this seed, so that it is not read again.
        stream: where it is trained: in this process by default, on the GPU if there is one.
        progress: called after each epoch that is trained.

    Raises:
        DataPathError: dataset and model do not fit.
        DivergedError: the training loss is not a finite number.
    """
    splits = splits or dataset.splits(data_path, seed=seed, input_size=spec.image_size)
    check_fit(spec, splits.info, dataset.name)
    recipe = resolved(recipe, stream)
    key = {
        "format": _FORMAT,
        "spec": spec.to_json(),
        "dataset": dataset.name,
        "train": splits.train.fingerprint(),
        "recipe": recipe.model_dump(mode="json"),
        "seed": seed,
    }
    # Named only where they are others than of old: all other entries are those of earlier versions.
    if splits.info.preprocessing not in (None, DEFAULT):
        key["preprocessing"] = splits.info.preprocessing_words
    if exempt := sorted(exempt_names(initial_model(spec, seed))):
        key["without_decay"] = exempt
    key |= contents_of(splits)
    return cached_base(spec, key, lambda: stream(_train, spec, splits, recipe, seed), cache_dir, progress)


def cached_base(
    spec: ModelSpec,
    key: Mapping[str, Any],
    training: Callable[[], Iterator[Trained]],
    cache_dir: Path | None,
    progress: Callable[[EpochReport], None] | None,
) -> BaseModel:
    """Read a base from the cache, or train it and keep it there.

    Args:
        spec: of the model.
        key: all that decides the training, as JSON values; see `contents_of` for a part that earlier versions lack.
        training: begins it.
        cache_dir: the cache; None takes the user's cache folder.
        progress: called after each epoch that is trained.
    """
    named = {part: value for part, value in key.items() if part != _CONTENTS}
    entry = cache_folder(cache_dir) / "base" / f"{spec.name.replace('/', '_')}-{content_key(named)}"
    with locked_if_usable(entry) as may_write:
        found = _read(entry, spec, key)
        if found is not None:
            return found
        base = _base_of(training(), spec, entry, progress)
        if may_write:
            try:
                _store(base, key)
            except OSError as error:
                warn_unusable(entry.parent, error)
        return base


def contents_of(splits: Splits) -> dict[str, Any]:
    """The part of a base's key that says what image files hold, where their names and sizes do not; else nothing.

    An entry of an earlier version lacks it and is read as it is; one with another is trained again in its place.
    """
    found = [splits.train.content(), splits.train.contained()]
    return {_CONTENTS: found} if any(found) else {}


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


def resolved(recipe: Recipe, stream: Trains) -> Recipe:
    """The recipe with what it leaves to the device, which only where it is trained is known."""
    if recipe.precision is not None and recipe.channels_last is not None:
        return recipe
    [(gpu, bf16)] = stream(_abilities)
    return recipe.resolved(gpu=gpu, bf16=bf16)


def _abilities(device: torch.device) -> Iterator[tuple[bool, bool]]:
    yield device.type == "cuda", computes_in_bf16(device)


def _train(spec: ModelSpec, splits: Splits, recipe: Recipe, seed: int, device: torch.device) -> Iterator[Trained]:
    return begun_again(lambda most: _train_from_scratch(spec, splits, recipe, seed, Place(device), most))


def _train_from_scratch(
    spec: ModelSpec, splits: Splits, recipe: Recipe, seed: int, place: Place, most: int | None
) -> Iterator[Trained]:
    module = initial_model(spec, seed)
    training = Training(module, splits.train, recipe, seed=seed, place=place, output=spec.output)
    training.limit_passes(most)
    holdout = splits.holdout.to(place.device)
    for trained in training.epochs():
        with training.exported():
            yield EpochReport.of(trained, evaluate(module, holdout, place=place, output=spec.output))
    with training.exported():
        yield {name: value.cpu() for name, value in module.state_dict().items()}


def _base_of(
    training: Iterator[Trained], spec: ModelSpec, entry: Path, progress: Callable[[EpochReport], None] | None
) -> BaseModel:
    """Hear a training to its end. The model is a fresh one: what layers caught while they were trained stays behind."""
    report, fresh = None, create_model(spec)
    for told in training:
        if isinstance(told, EpochReport):
            report = told
            if progress is not None:
                progress(report)
        else:
            fresh.load_state_dict(told)
    assert report is not None, "a recipe has at least one epoch"
    assert report.holdout_accuracy is not None, "it was scored"
    return BaseModel(fresh.eval(), report.holdout_accuracy, entry, cached=False)


def _store(base: BaseModel, key: Mapping[str, Any]) -> None:
    with folder_replaced(base.path) as draft:
        weights = draft / _WEIGHTS
        write_tensors({name: value.contiguous() for name, value in base.module.state_dict().items()}, weights)
        record = {
            "key": key,
            "accuracy_holdout": base.accuracy_holdout,
            "sha256": file_hash(weights),
            "torch": torch.__version__,
        }
        (draft / _RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _read(entry: Path, spec: ModelSpec, key: Mapping[str, Any]) -> BaseModel | None:
    """The cached model; None if there is no entry or, with a warning, if it is damaged."""
    if not os.path.lexists(entry):
        return None
    try:
        record = json.loads((entry / _RECORD).read_text(encoding="utf-8"))
        ours = json.loads(json.dumps(key))
        if record["key"] != {part: value for part, value in ours.items() if part in record["key"] or part != _CONTENTS}:
            raise ValueError("it is another training's")
        if file_hash(entry / _WEIGHTS) != record["sha256"]:
            raise ValueError(f"{_WEIGHTS} is not the file that {_RECORD} was written for")
        module = create_model(spec)
        module.load_state_dict(load_file(entry / _WEIGHTS))
        accuracy = float(record["accuracy_holdout"])
        if not 0 <= accuracy <= 1:
            raise ValueError(f"accuracy_holdout is {accuracy}")
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, RecursionError, SafetensorError) as error:
        warn_damaged(entry, error)
        return None
    return BaseModel(module.eval(), accuracy, entry, cached=True)
