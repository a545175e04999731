"""A new head on a published trunk: what a base needs whose weights are for other classes than the data's."""

import copy
import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ground.counting import counted
from pruning.heads import head_names
from pruning.models import ModelSpec
from pruning.preprocessing import DEFAULT
from trainers.base import (
    BaseModel,
    Trained,
    Trains,
    cached_base,
    check_fit,
    contents_of,
    initial_model,
    resolved,
    trained_here,
)
from trainers.datasets.base import Dataset, Splits
from trainers.errors import TrunkError
from trainers.evaluate import evaluate
from trainers.history import EpochReport
from trainers.loop import Training
from trainers.place import Place
from trainers.recipe import Recipe
from trainers.running_out import begun_again

_FORMAT = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Trunk:
    """Trained weights whose head is left out.

    Attributes:
        weights: a state dict of the architecture, for any number of classes.
        named: where they come from, in words.
    """

    weights: Mapping[str, Tensor]
    named: str


def train_head(
    spec: ModelSpec,
    trunk: Trunk,
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    splits: Splits,
    cache_dir: Path | None = None,
    stream: Trains = trained_here,
    progress: Callable[[EpochReport], None] | None = None,
) -> BaseModel:
    """Train a new head, drawn at random, while the trunk stays as it is; or read the result from the cache.

    The trunk is frozen with its BatchNorm statistics and computes as in evaluation, without dropout, so that
    all of it comes from the published training.

    Args:
        spec: the model, with the classes of the dataset.
        trunk: the weights of all but the head.
        dataset: what the head is trained on.
        recipe: how.
        seed: decides the new head's first weights, the order and the augmentation; the same that made the splits.
        splits: the dataset's parts.
        cache_dir: the cache; None takes the user's cache folder.
        stream: where it is trained: in this process by default, on the GPU if there is one.
        progress: called after each epoch that is trained.

    Raises:
        DataPathError: dataset and model do not fit.
        TrunkError: the weights are those of another architecture.
        ModelCreationError: the model has no head that follows the number of classes.
        DivergedError: the training loss is not a finite number.
    """
    check_fit(spec, splits.info, dataset.name)
    head, recipe = head_names(spec), resolved(recipe, stream)
    key: dict[str, Any] = {
        "format": _FORMAT,
        "spec": spec.to_json(),
        "head": list(head),
        "trunk": _digest(trunk, head),
        "dataset": dataset.name,
        "train": splits.train.fingerprint(),
        "recipe": recipe.model_dump(mode="json"),
        "seed": seed,
    }
    if splits.info.preprocessing not in (None, DEFAULT):
        key["preprocessing"] = splits.info.preprocessing_words
    key |= contents_of(splits)
    module = _on_trunk(spec, trunk, head, seed)

    def training() -> Iterator[Trained]:
        return stream(_train, module, head, spec.output, splits, recipe, seed)

    words = (
        f"a new head for {spec.num_classes:,} classes ({', '.join(head)}), trained for "
        f"{counted(recipe.epochs, 'epoch')} on the frozen trunk of {trunk.named}"
    )
    return dataclasses.replace(cached_base(spec, key, training, cache_dir, progress), made=words)


def _train(
    module: nn.Module,
    head: tuple[str, ...],
    output: str | None,
    splits: Splits,
    recipe: Recipe,
    seed: int,
    device: torch.device,
) -> Iterator[Trained]:
    def from_trunk(most: int | None) -> Iterator[Trained]:
        model, place = copy.deepcopy(module), Place(device)
        training = Training(_FrozenTrunk(model, head), splits.train, recipe, seed=seed, place=place, output=output)
        training.limit_passes(most)
        holdout = splits.holdout.to(device)
        for trained in training.epochs():
            with training.exported():
                yield EpochReport.of(trained, evaluate(model, holdout, place=place, output=output))
        with training.exported():
            yield {name: value.cpu() for name, value in model.state_dict().items()}

    return begun_again(from_trunk)


def _digest(trunk: Trunk, head: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(trunk.weights.items()):
        if name not in head:
            digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _on_trunk(spec: ModelSpec, trunk: Trunk, head: tuple[str, ...], seed: int) -> nn.Module:
    module = initial_model(spec, seed)
    own = module.state_dict()
    found = {name: tensor for name, tensor in trunk.weights.items() if name not in head}
    # Counters of batches, which older files lack, change nothing.
    needed = {name for name in own.keys() - set(head) if not name.endswith("num_batches_tracked")}
    missing, extra = sorted(needed - found.keys()), sorted(found.keys() - own.keys())
    odd = [name for name in own.keys() & found.keys() if own[name].shape != found[name].shape]
    if missing or extra or odd:
        raise TrunkError(
            f"the weights of {trunk.named} are no trunk of {spec.name}: {len(missing)} missing {missing[:3]}, "
            f"{len(extra)} unexpected {extra[:3]}, {len(odd)} of another shape {sorted(odd)[:3]}"
        )
    module.load_state_dict(found, strict=False)
    return module


class _FrozenTrunk(nn.Module):
    """The model with only its head in training mode, and only its head's weights to be trained."""

    def __init__(self, model: nn.Module, head: tuple[str, ...]) -> None:
        super().__init__()
        self.model = model
        # A layer that also holds weights of the trunk stays as in evaluation.
        self._heads = [part for name, part in model.named_modules() if _is_within(name, part, head)]
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in head)

    def train(self, mode: bool = True) -> "_FrozenTrunk":
        super().train(mode)
        self.model.eval()
        for module in self._heads:
            module.train(mode)
        return self

    def forward(self, images: Tensor) -> Any:
        return self.model(images)


def _is_within(name: str, part: nn.Module, head: tuple[str, ...]) -> bool:
    owned = [f"{name}.{one}" if name else one for one, _ in part.named_parameters()]
    return bool(owned) and set(owned) <= set(head)
